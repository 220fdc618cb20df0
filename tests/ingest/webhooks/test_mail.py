"""Mail webhooks, with the signatures that the vendors make."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.channel import Context, Delivery
from ingest.channels.email import Email
from ingest.channels.email.account import Account
from ingest.door.call_memory import CallMemory
from ingest.intake.media import fetch_content
from ingest.sources.s3 import BucketSettings
from ingest.vendors.form_data import read_fields
from ingest.webhook import Webhook, WebhookContext, WebhookRequest, WebhookResult, check_timestamp
from ingest.webhooks.mailgun import Mailgun
from ingest.webhooks.postmark import Postmark
from ingest.webhooks.sendgrid import Sendgrid
from ingest.webhooks.ses import Ses
from schemas.errors import Rejected, Retry
from schemas.message import Message
from tests.support.ingest.mail_webhooks import (
    ACCOUNT,
    CERTIFICATE,
    MAIL,
    NOW,
    TOPIC,
    mailgun,
    postmark,
    postmark_call,
    request,
    sendgrid,
    ses,
    ses_call,
    ses_confirmation,
)
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLES
from tests.support.servers.s3 import ACCESS, BUCKET, S3, SECRET

VENDORS: list[tuple[Callable[[], Webhook], Callable[..., WebhookRequest]]] = [
    (Mailgun, mailgun),
    (Postmark, postmark),
    (Sendgrid, sendgrid),
    (Ses, ses),
]
each = pytest.mark.parametrize(
    ("hook", "call"), VENDORS, ids=["mailgun", "postmark", "sendgrid", "ses"]
)


class CertificateServer:
    """Serves the certificate of SNS, and lists the addresses that webhooks fetch."""

    def __init__(self) -> None:
        self.fetched: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.fetched.append(url)
        return CERTIFICATE


async def receive(
    hook: Webhook,
    call: WebhookRequest,
    now: datetime = NOW,
    settings: Account = ACCOUNT,
    fetch: Callable[[str], Awaitable[bytes]] | None = None,
) -> WebhookResult:
    return await hook.receive(
        call, settings, WebhookContext(now=now, fetch=fetch or CertificateServer())
    )


def parsed(raw: bytes) -> Message:
    delivery = Delivery(raw=raw, account="destek", received_at=NOW)
    return Email().parse(delivery, Context(brand="default", settings=ACCOUNT)).message


@each
async def test_a_proven_call_gives_the_mail_with_its_envelope(
    hook: Callable[[], Webhook], call: Callable[..., WebhookRequest]
) -> None:
    (raw,) = (await receive(hook(), call())).deliveries
    message = parsed(raw)
    assert (message.native_id, message.subject, message.text) == ("<1@x>", "Ücret", "İade şart")
    assert message.sender.handle("email") == "ayse@musteri.example"
    assert b"Delivered-To: destek@ornek.example\r\n" in raw


@each
async def test_the_mail_is_the_same_message_as_by_imap(
    hook: Callable[[], Webhook], call: Callable[..., WebhookRequest]
) -> None:
    (raw,) = (await receive(hook(), call())).deliveries
    assert parsed(raw).id == parsed(MAIL).id


@each
async def test_a_changed_missing_or_old_signature_is_refused(
    hook: Callable[[], Webhook], call: Callable[..., WebhookRequest]
) -> None:
    good = call()
    stripped = {
        k: v for k, v in good.headers.items() if "signature" not in k and k != "authorization"
    }
    spoilt = [
        replace(
            good,
            headers=stripped,
            body=b"{}" if good.headers["content-type"][:4] == "appl" else b"",
        ),
        replace(
            good,
            body=good.body.replace(b"signature=", b"signature=0")
            .replace(b"1@x", b"2@x")
            .replace(b"arn:aws", b"arn:bad")
            .replace(b"MIME", b"mime"),
        ),
    ]
    if hook is Postmark:
        wrong = base64.b64encode(b"santral:no").decode()
        spoilt[1] = replace(good, headers=good.headers | {"authorization": f"Basic {wrong}"})
    for bad in spoilt:
        with pytest.raises(Rejected) as error:
            await receive(hook(), bad)
        assert error.value.code.split(".")[0] in ("signature", "form", "json"), error.value.code
    if hook is not Postmark:
        with pytest.raises(Rejected) as error:
            await receive(hook(), good, now=NOW + timedelta(days=4))
        assert error.value.code == "signature.stale"


@each
async def test_an_account_without_a_secret_refuses_calls(
    hook: Callable[[], Webhook], call: Callable[..., WebhookRequest]
) -> None:
    with pytest.raises(Rejected) as error:
        await receive(hook(), call(), settings=Account())
    assert error.value.code == "signature.unset"


async def test_a_wrong_setup_keeps_the_mail_and_names_the_missing_option() -> None:
    for hook, call, words in (
        (Mailgun(), mailgun(b""), "must end in /mime"),
        (Postmark(), postmark(b""), "Include raw email"),
        (Sendgrid(), sendgrid(b""), "raw, full MIME"),
        (Ses(), ses(b""), "action SNS"),
    ):
        with pytest.raises(Retry, match=words):
            await receive(hook, call)


async def test_a_mail_in_a_bucket_is_read_from_the_bucket_of_the_account_alone(
    s3: S3,
) -> None:
    request = ses_call(read_payload("ses", "received_in_bucket_notice"))
    with pytest.raises(Retry, match="is not `ses_bucket`"):
        await receive(Ses(), request)
    bucket = BucketSettings(name=BUCKET, endpoint=s3.url, access_key=ACCESS, secret_key=SECRET)
    settings = Account(ses_topics=(TOPIC,), ses_bucket=bucket)
    result = await receive(Ses(), request, settings=settings)
    (raw,) = result.deliveries
    context = Context(brand="default", settings=settings)
    delivery = Delivery(raw=raw, account="a", received_at=NOW, by_reference=result.by_reference)
    notice = Email().parse(delivery, context).notice
    assert notice is not None

    async def fetch() -> bytes:
        content = await fetch_content(Email(), notice, raw, settings, None, waited=timedelta())  # type: ignore[arg-type]  # the bucket needs no client
        assert content is not None
        return content

    with pytest.raises(Rejected) as error:
        await fetch()
    assert error.value.code == "media.gone"
    s3.put("in/k1", MAIL, NOW)
    message = (
        Email().parse(replace(delivery, raw=await fetch(), by_reference=False), context).message
    )
    (posted,) = (await receive(Ses(), ses())).deliveries
    assert (
        message == Email().parse(replace(delivery, raw=posted, by_reference=False), context).message
    )
    s3.metadata = {"x-amz-key-v2": "abc"}
    with pytest.raises(Rejected, match="encrypted"):
        await fetch()


async def test_an_event_without_a_mail_is_ignored_with_its_reason() -> None:
    bounce = postmark_call(read_payload("postmark", "bounce"))
    assert (await receive(Postmark(), bounce)).ignored == ("Bounce",)
    delivery = ses_call(read_payload("ses", "delivery_notice"))
    assert (await receive(Ses(), delivery)).ignored == ("Delivery",)


async def test_an_ses_bounce_becomes_a_bounce_of_our_mail() -> None:
    result = await receive(Ses(), ses_call(read_payload("ses", "bounce_notice")))
    (raw,) = result.deliveries
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    message = Email().parse(delivery, Context(brand="default", settings=Account())).message
    assert message.automatic is not None
    assert message.automatic.bounce is not None
    assert message.automatic.bounce.recipients == ("yok@x.example",)
    assert message.automatic.bounce.original == "<m1@ornek.example>"


async def test_a_mailgun_token_is_used_once_its_mail_is_safe() -> None:
    hook = Mailgun()
    assert (await receive(hook, mailgun())).deliveries
    result = await receive(hook, mailgun())
    assert result.deliveries, "the first mail was not safe, as without Kafka"
    result.on_safe()
    again = await receive(hook, mailgun())
    assert (again.deliveries, again.ignored) == ((), ("repeat",))


async def test_a_mailgun_token_belongs_to_one_mail_at_every_door() -> None:
    memory = CallMemory()

    async def ask(
        hours: float = 0, remembered: CallMemory = memory, mail: bytes = MAIL
    ) -> WebhookResult:
        tools = WebhookContext(
            now=NOW + timedelta(hours=hours), fetch=CertificateServer(), memory=remembered
        )
        # A new webhook, as after a restart or at another door.
        return await Mailgun().receive(mailgun(mail), ACCOUNT, tools)

    assert (await ask()).deliveries
    assert (await ask(8)).deliveries, "the doors know the first try of a retry"
    other = MAIL.replace(b"1@x", b"2@x")
    for hours in (0, 8):
        with pytest.raises(Rejected, match="another mail"):
            await ask(hours, mail=other)
    with pytest.raises(Rejected) as error:
        await ask(0.3, CallMemory())
    assert error.value.code == "signature.stale"
    settings = msgspec.structs.replace(ACCOUNT, mailgun_window=timedelta(hours=9))
    tools = WebhookContext(
        now=NOW + timedelta(hours=8), fetch=CertificateServer(), memory=CallMemory()
    )
    assert (await Mailgun().receive(mailgun(), settings, tools)).deliveries, "after an outage"


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_subscription_to_our_topic_is_confirmed(version: str) -> None:
    server = CertificateServer()
    result = await receive(Ses(), ses_confirmation(version), fetch=server)
    assert result.ignored == ("subscribed",)
    confirmation = read_payload("ses", "subscription_confirmation")
    assert server.fetched[-1] == confirmation["SubscribeURL"]


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu.amazonaws.com@evil.example/a.pem",
        "https://169.254.169.254/a.pem",
        "https://sns.s3-us-west-2.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com/a.txt",
    ],
)
async def test_a_certificate_is_fetched_from_amazon_alone(url: str) -> None:
    good = ses()
    message = with_fields(json.loads(good.body), {"SigningCertURL": url})
    server = CertificateServer()
    with pytest.raises(Rejected):
        await receive(Ses(), replace(good, body=json.dumps(message).encode()), fetch=server)
    assert server.fetched == []


async def test_a_large_mail_of_any_bytes_comes_through_a_form_unchanged() -> None:
    raw = b"From: a@x.example\r\nMessage-ID: <big@x>\r\n\r\n" + bytes(range(256)) * 8000
    calls: list[tuple[Webhook, WebhookRequest]] = [
        (Mailgun(), mailgun(raw)),
        (Sendgrid(), sendgrid(raw)),
    ]
    for hook, call in calls:
        (mail,) = (await receive(hook, call)).deliveries
        assert mail.endswith(raw)


@given(
    st.binary(max_size=300),
    st.sampled_from(
        [
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=B",
            "multipart/form-data",
            "text/plain",
            "",
        ]
    ),
)
async def test_no_body_makes_a_form_or_a_webhook_fail(body: bytes, kind: str) -> None:
    headers = SAMPLES["postmark"].call.headers
    call = request(body, kind, authorization=headers["authorization"])
    for work in (
        lambda: read_fields(call),
        lambda: read_fields(
            replace(call, body=b'--B\r\nContent-Disposition: form-data; name="a"\r\n' + body)
        ),
    ):
        try:
            work()
        except Rejected:
            continue
    for hook, _ in VENDORS:
        for again in (call, replace(call, body=b'{"Type":"' + body + b'"}')):
            with pytest.raises((Rejected, Retry)):
                await receive(hook(), again)


@pytest.mark.parametrize("stamp", ["9" * 400, "9" * 5000, "-" + "9" * 400, "", "x", "1.5"])
def test_a_time_of_any_length_is_refused_and_raises_nothing_else(stamp: str) -> None:
    with pytest.raises(Rejected) as error:
        check_timestamp(stamp, NOW, timedelta(minutes=5), "timestamp")
    assert error.value.code == "signature.missing"
