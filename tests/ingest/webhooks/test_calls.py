"""Callbacks of recognisers prove themselves by Twilio's signature or by a word in a header."""

import json

import pytest

from ingest.channels.phone.account import Account
from ingest.vendors.transcription_apis import TwilioVoice
from ingest.webhook import WebhookContext, WebhookRequest
from ingest.webhooks.calls import Calls
from schemas.errors import Rejected
from tests.support.ingest.phone_calls import read_transcript
from tests.support.ingest.vendor_calls import twilio_signature
from tests.support.samples.payloads import read_file, read_form_payload
from tests.support.samples.registry import SAMPLED_AT

URL = "https://door.example/v1/hooks/calls/main"
TWILIO = Account(twilio=TwilioVoice(auth_token="tw-token", url=URL))
TWILIO_BODY = read_file("calls", "twilio_notice.form")
DEEPGRAM_BODY = json.dumps(read_transcript("deepgram")).encode()


async def _receive(headers: dict[str, str], account: Account, body: bytes) -> tuple[bytes, ...]:
    """Return the deliveries of a call; raise Rejected."""

    async def fetch(url: str) -> bytes:
        raise AssertionError(f"nothing is fetched: {url}")

    request = WebhookRequest(method="POST", path="/", query={}, headers=headers, body=body)
    context = WebhookContext(now=SAMPLED_AT, fetch=fetch)
    return (await Calls().receive(request, account, context)).deliveries


def _twilio_headers(signature: str) -> dict[str, str]:
    return {
        "x-twilio-signature": signature,
        "content-type": "application/x-www-form-urlencoded",
    }


async def test_twilio_proves_its_callback_by_its_own_signature() -> None:
    form = read_form_payload("calls", "twilio_notice")
    signature = twilio_signature(URL, form, b"tw-token")
    assert await _receive(_twilio_headers(signature), TWILIO, TWILIO_BODY) == (TWILIO_BODY,)


async def test_a_forged_signature_of_twilio_is_rejected() -> None:
    with pytest.raises(Rejected) as error:
        await _receive(_twilio_headers("x"), TWILIO, TWILIO_BODY)
    assert error.value.code == "signature.wrong"


def test_the_setup_names_the_address_for_twilio() -> None:
    assert URL in (Calls().setup(TWILIO, "https://x") or "")


@pytest.mark.parametrize(
    ("header", "value"),
    [("dg-token", "s"), ("authorization", "Bearer s"), ("x-webhook-secret", "s")],
)
async def test_the_usual_headers_carry_the_word(header: str, value: str) -> None:
    assert await _receive({header: value}, Account(secret="s"), DEEPGRAM_BODY) == (DEEPGRAM_BODY,)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"dg-token": "s"}, "signature.missing"),
        ({"x-own": "t"}, "signature.wrong"),
        ({}, "signature.missing"),
    ],
)
async def test_only_the_configured_header_counts(headers: dict[str, str], code: str) -> None:
    with pytest.raises(Rejected) as error:
        await _receive(headers, Account(secret="s", secret_header="X-Own"), DEEPGRAM_BODY)
    assert error.value.code == code
