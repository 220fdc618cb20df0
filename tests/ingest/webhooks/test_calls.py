"""Callbacks of transcription services, with Twilio's own signature."""

import pytest

from ingest.channels.phone.account import Account
from ingest.vendors.transcription_apis import TwilioVoice
from ingest.webhook import WebhookContext, WebhookRequest
from ingest.webhooks.calls import Calls
from schemas.errors import Rejected
from tests.support.samples.registry import SAMPLED_AT
from tests.support.vendor_calls import twilio_signature


async def test_twilio_proves_its_callback_by_its_own_signature() -> None:
    url = "https://door.example/v1/hooks/calls/main"
    settings = Account(twilio=TwilioVoice(auth_token="tw-token", url=url))
    tools = WebhookContext(now=SAMPLED_AT, fetch=None)  # type: ignore[arg-type]  # never called
    body = b"transcript_sid=GT1"
    request = WebhookRequest(
        method="POST",
        path="/",
        query={},
        body=body,
        headers={
            "x-twilio-signature": twilio_signature(url, {"transcript_sid": "GT1"}, b"tw-token"),
            "content-type": "application/x-www-form-urlencoded",
        },
    )
    assert (await Calls().receive(request, settings, tools)).deliveries == (body,)
    forged = WebhookRequest(
        method="POST",
        path="/",
        query={},
        body=body,
        headers={"x-twilio-signature": "x", "content-type": "application/x-www-form-urlencoded"},
    )
    with pytest.raises(Rejected) as error:
        await Calls().receive(forged, settings, tools)
    assert error.value.code == "signature.wrong"
    assert url in (Calls().setup(settings, "https://x") or "")
