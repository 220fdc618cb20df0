"""Twilio: the signature over address and form, SMS and WhatsApp, callbacks, files."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.twilio import Account, Twilio
from ingest.webhook import WebhookContext, WebhookRequest
from schemas.errors import Rejected
from tests.support.vendor_calls import twilio_signature

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
URL = "https://kapi.example/v1/hooks/twilio/a?x=1"
ACCOUNT = Account(auth_token="sir-twilio", url=URL + "#rc=2")
TOOLS = WebhookContext(now=NOW, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called
SMS = {
    "MessageSid": "SM1",
    "AccountSid": "AC1",
    "From": "+905321112233",
    "To": "+908501112233",
    "Body": " faturam yanlış ",
    "NumMedia": "0",
    "SmsStatus": "received",
    "Empty": "",
}


def call(form: dict[str, str], url: str = URL) -> WebhookRequest:
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": twilio_signature(url, form),
    }
    return WebhookRequest(
        method="POST",
        path="/v1/hooks/twilio/a",
        query={},
        headers=headers,
        body=urlencode(form).encode(),
    )


def _parsed(form: dict[str, str]) -> Parsed:
    (one,) = Twilio().take(urlencode(form).encode()).deliveries
    return Twilio().parse(
        Delivery(raw=one, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


async def test_twilios_own_example_holds() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    told = replace(
        call(form),
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        },
    )
    taken = await Twilio().receive(told, Account(auth_token="12345", url=url), TOOLS)
    assert taken.ignored == ("other_kind",), "proven, and no message"


async def test_the_address_counts_with_and_without_its_port() -> None:
    for signed in (URL, URL.replace("kapi.example", "kapi.example:443")):
        assert (await Twilio().receive(call(SMS, signed), ACCOUNT, TOOLS)).deliveries
    bare = replace(call(SMS, "https://kapi.example/v1/hooks/twilio/a"), path="/v1/hooks/twilio/a")
    told = replace(bare, headers={**bare.headers, "host": "kapi.example"})
    assert (await Twilio().receive(told, Account(auth_token="sir-twilio"), TOOLS)).deliveries
    with pytest.raises(Rejected, match="is `url` as in the console"):
        await Twilio().receive(call(SMS, "https://baska.example/"), ACCOUNT, TOOLS)
    # A caller may write any forwarded host: the configured address alone counts behind a proxy.
    behind = {**bare.headers, "host": "10.0.0.5:8400", "x-forwarded-host": "kapi.example"}
    forwarded = replace(bare, headers=behind)
    with pytest.raises(Rejected):
        await Twilio().receive(forwarded, Account(auth_token="sir-twilio"), TOOLS)
    more = replace(call(SMS), body=call(SMS).body + b"&Unknown=")
    with pytest.raises(Rejected):
        await Twilio().receive(more, ACCOUNT, TOOLS)


async def test_a_host_that_is_none_proves_nothing() -> None:
    told = call(SMS)
    told = replace(told, headers=dict(told.headers) | {"host": "["})
    with pytest.raises(Rejected, match="signature.wrong"):
        await Twilio().receive(told, Account(auth_token="sir-twilio"), TOOLS)


async def test_json_is_signed_by_its_hash_in_the_address() -> None:
    body = b'{"a": 1}'
    url = f"https://kapi.example/v1/hooks/twilio/a?bodySHA256={sha256(body).hexdigest()}"
    told = WebhookRequest(
        method="POST",
        path="/",
        body=body,
        query={"bodySHA256": sha256(body).hexdigest()},
        headers={
            "content-type": "application/json",
            "x-twilio-signature": twilio_signature(url, {}),
        },
    )
    settings = Account(auth_token="sir-twilio", url="https://kapi.example/v1/hooks/twilio/a")
    assert (await Twilio().receive(told, settings, TOOLS)).ignored == ("other_kind",)
    with pytest.raises(Rejected, match="bodySHA256"):
        await Twilio().receive(replace(told, body=b'{"a": 2}'), settings, TOOLS)


async def test_twilio_is_answered_in_its_own_tongue() -> None:
    taken = await Twilio().receive(call(SMS), ACCOUNT, TOOLS)
    assert (taken.response.body, taken.response.content_type) == (b"<Response/>", "text/xml")


def test_sms_and_whatsapp_with_and_without_a_number() -> None:
    sms = _parsed(SMS).message
    assert (sms.text, sms.native_id) == (" faturam yanlış ", "SM1")
    assert sms.sender.handle("phone") == "+905321112233"
    assert sms.reply_to == "+908501112233/+905321112233"
    assert sms.answering is not None
    assert sms.answering.until is None
    whatsapp = SMS | {
        "From": "whatsapp:+905321112233",
        "To": "whatsapp:+908501112233",
        "ProfileName": "Ayşe",
        "ExternalUserId": "TR.1",
    }
    made = _parsed(whatsapp).message
    assert (made.sender.name, made.sender.handle("phone"), made.sender.handle("handle")) == (
        "Ayşe",
        "+905321112233",
        "twilio:TR.1",
    )
    assert made.answering is not None
    assert made.answering.until == NOW + timedelta(hours=24)
    bare = _parsed(whatsapp | {"From": "whatsapp:TR.1"}).message
    assert bare.conversation == made.conversation
    assert bare.sender.handle("phone") is None
    tap = _parsed(SMS | {"Body": "", "ButtonText": "Evet"}).message
    assert tap.text == "Evet"


async def test_the_fallbacks_call_and_a_call_by_get_hold_the_customers_words() -> None:
    fallback = SMS | {"ErrorCode": "11200", "ErrorUrl": "https://kapi.example/"}
    assert (await Twilio().receive(call(fallback), ACCOUNT, TOOLS)).deliveries
    url = f"https://kapi.example/v1/hooks/twilio/a?{urlencode(SMS)}"
    told = WebhookRequest(
        method="GET",
        path="/v1/hooks/twilio/a",
        target=url.removeprefix("https://kapi.example"),
        query=SMS,
        body=b"",
        headers={"x-twilio-signature": twilio_signature(url, {}), "host": "kapi.example"},
    )
    for settings in (
        Account(auth_token="sir-twilio"),
        Account(auth_token="sir-twilio", url="https://kapi.example/v1/hooks/twilio/a"),
    ):
        (raw,) = (await Twilio().receive(told, settings, TOOLS)).deliveries
        made = (
            Twilio()
            .parse(Delivery(raw=raw, account="a", received_at=NOW), Context(brand="d"))
            .message
        )
        assert made.text == " faturam yanlış "
    short = _parsed(SMS | {"From": "5000"}).message
    assert short.sender.handle("phone") is None


def test_files_are_named_and_callbacks_are_no_messages() -> None:
    made = _parsed(
        SMS
        | {
            "NumMedia": "1",
            "MediaUrl0": "https://api.twilio.com/m",
            "MediaContentType0": "image/jpeg",
        }
    )
    assert (made.message.attachments[0].name, made.media[0].ref) == (
        "media0.jpeg",
        "https://api.twilio.com/m",
    )
    for status in ({"MessageStatus": "delivered"}, {"SmsStatus": "sent"}):
        assert Twilio().take(urlencode(SMS | status).encode()).ignored == ("status",)
