"""The signature over address and form, SMS and WhatsApp messages of the Twilio channel."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.twilio import Account, Twilio
from ingest.webhook import WebhookContext, WebhookRequest, WebhookResult
from schemas.errors import Rejected
from tests.support.ingest.vendor_calls import twilio_signature
from tests.support.samples.payloads import read_form_payload
from tests.support.samples.registry import WORDS

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
URL = "https://kapi.example/v1/hooks/twilio/a?x=1"
ACCOUNT = Account(auth_token="sir-twilio", url=URL + "#rc=2")
CONTEXT = WebhookContext(now=NOW, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called
SMS = read_form_payload("twilio", "sms")
WHATSAPP = read_form_payload("twilio", "whatsapp")


def build_call(form: dict[str, str], url: str = URL) -> WebhookRequest:
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


def _take(form: dict[str, str]) -> WebhookResult:
    return Twilio().take(urlencode(form).encode())


def _parsed(form: dict[str, str]) -> Parsed:
    (delivery,) = _take(form).deliveries
    return Twilio().parse(
        Delivery(raw=delivery, account="a", received_at=NOW), Context(brand="d", settings=ACCOUNT)
    )


async def test_the_example_of_twilios_documentation_is_proven() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
        "Caller": "+14158675309",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    request = replace(
        build_call(form),
        headers={
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        },
    )
    result = await Twilio().receive(request, Account(auth_token="12345", url=url), CONTEXT)
    assert result.ignored == ("other_kind",)


async def test_the_address_is_tried_with_and_without_its_port() -> None:
    for signed in (URL, URL.replace("kapi.example", "kapi.example:443")):
        assert (await Twilio().receive(build_call(SMS, signed), ACCOUNT, CONTEXT)).deliveries
    bare = replace(
        build_call(SMS, "https://kapi.example/v1/hooks/twilio/a"), path="/v1/hooks/twilio/a"
    )
    request = replace(bare, headers={**bare.headers, "host": "kapi.example"})
    assert (await Twilio().receive(request, Account(auth_token="sir-twilio"), CONTEXT)).deliveries
    with pytest.raises(Rejected, match="is `url` as in the console"):
        await Twilio().receive(build_call(SMS, "https://baska.example/"), ACCOUNT, CONTEXT)
    # A caller may write any forwarded host: the configured address alone counts behind a proxy.
    behind = {**bare.headers, "host": "10.0.0.5:8400", "x-forwarded-host": "kapi.example"}
    forwarded = replace(bare, headers=behind)
    with pytest.raises(Rejected):
        await Twilio().receive(forwarded, Account(auth_token="sir-twilio"), CONTEXT)
    more = replace(build_call(SMS), body=build_call(SMS).body + b"&Unknown=")
    with pytest.raises(Rejected):
        await Twilio().receive(more, ACCOUNT, CONTEXT)


async def test_an_invalid_host_proves_nothing() -> None:
    request = build_call(SMS)
    request = replace(request, headers=dict(request.headers) | {"host": "["})
    with pytest.raises(Rejected, match="signature.wrong"):
        await Twilio().receive(request, Account(auth_token="sir-twilio"), CONTEXT)


async def test_json_is_signed_by_its_hash_in_the_address() -> None:
    body = b'{"a": 1}'
    url = f"https://kapi.example/v1/hooks/twilio/a?bodySHA256={sha256(body).hexdigest()}"
    request = WebhookRequest(
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
    assert (await Twilio().receive(request, settings, CONTEXT)).ignored == ("other_kind",)
    with pytest.raises(Rejected, match="bodySHA256"):
        await Twilio().receive(replace(request, body=b'{"a": 2}'), settings, CONTEXT)


async def test_the_response_is_empty_twiml() -> None:
    result = await Twilio().receive(build_call(SMS), ACCOUNT, CONTEXT)
    assert (result.response.body, result.response.content_type) == (b"<Response/>", "text/xml")


def test_an_sms_has_a_number_and_no_window() -> None:
    sms = _parsed(SMS).message
    assert (sms.text, sms.native_id) == (f" {WORDS} ", "SM1")
    assert sms.sender.handle("phone") == "+905321112233"
    assert sms.reply_to == "+908501112233/+905321112233"
    assert sms.answering is not None
    assert sms.answering.until is None


def test_a_whatsapp_message_has_a_name_a_handle_and_a_window_of_a_day() -> None:
    message = _parsed(WHATSAPP).message
    sender = message.sender
    assert (sender.name, sender.handle("phone")) == ("Ayşe", "+905321112233")
    assert sender.handle("handle") == "twilio:TR.1"
    assert message.answering is not None
    assert message.answering.until == NOW + timedelta(hours=24)


def test_a_person_without_a_number_has_the_same_conversation() -> None:
    without_number = _parsed(WHATSAPP | {"From": "whatsapp:TR.1"}).message
    assert without_number.conversation == _parsed(WHATSAPP).message.conversation
    assert without_number.sender.handle("phone") is None


def test_a_short_number_is_not_a_phone_number() -> None:
    assert _parsed(SMS | {"From": "5000"}).message.sender.handle("phone") is None


def test_a_tap_shows_the_buttons_text() -> None:
    assert _parsed(WHATSAPP | {"Body": "", "ButtonText": "Evet"}).message.text == "Evet"


async def test_a_call_to_the_fallback_address_has_the_message() -> None:
    fallback = SMS | {"ErrorCode": "11200", "ErrorUrl": "https://kapi.example/"}
    assert (await Twilio().receive(build_call(fallback), ACCOUNT, CONTEXT)).deliveries


@pytest.mark.parametrize("url", ["", "https://kapi.example/v1/hooks/twilio/a"])
async def test_a_get_has_the_message_in_its_address(url: str) -> None:
    address = f"https://kapi.example/v1/hooks/twilio/a?{urlencode(SMS)}"
    request = WebhookRequest(
        method="GET",
        path="/v1/hooks/twilio/a",
        target=address.removeprefix("https://kapi.example"),
        query=SMS,
        body=b"",
        headers={"x-twilio-signature": twilio_signature(address, {}), "host": "kapi.example"},
    )
    settings = Account(auth_token="sir-twilio", url=url)
    (raw,) = (await Twilio().receive(request, settings, CONTEXT)).deliveries
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    assert Twilio().parse(delivery, Context(brand="d")).message.text == f" {WORDS} "


def test_a_file_has_a_name() -> None:
    parsed = _parsed(read_form_payload("twilio", "mms"))
    assert (parsed.message.attachments[0].name, parsed.media[0].ref) == (
        "media0.jpeg",
        "https://api.twilio.com/m",
    )


def test_a_status_callback_is_ignored() -> None:
    delivered = read_form_payload("twilio", "delivered_status")
    for form in (delivered, SMS | {"MessageStatus": "delivered"}, SMS | {"SmsStatus": "sent"}):
        assert _take(form).ignored == ("status",)
