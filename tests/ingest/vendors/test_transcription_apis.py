"""Transcription services whose callbacks only name the transcript, which ingest fetches."""

import base64
import json
from datetime import timedelta

import pytest

from ingest.channel import Context, Delivery
from ingest.channels.phone import Phone
from ingest.channels.phone.account import Account
from ingest.intake.media import LONG_PATIENCE, PATIENCE
from ingest.vendors.transcription_apis import AssemblyAI, TwilioVoice, find_reference
from runtime.http.public_client import PublicClient
from schemas.errors import Rejected, Retry
from tests.support.ingest.transcription import (
    ASSEMBLYAI_NOTICE,
    TRANSCRIPT,
    TWILIO_NOTICE,
    phone_account,
    resolve,
)
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_file, read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT
from tests.support.servers.vendor import Vendor

TWILIO_TRANSCRIPT = read_payload("calls", "twilio_transcript")
SENTENCES_PAGE = read_payload("calls", "twilio_sentences_page")


async def test_a_notice_of_assemblyai_leads_to_its_transcript(
    vendor: Vendor, web: PublicClient
) -> None:
    vendor.says("/v2/transcript/t-1", TRANSCRIPT)
    message = await resolve(ASSEMBLYAI_NOTICE, phone_account(vendor), web)
    assert (message.native_id, message.text) == ("t-1", "Kargom gelmedi")
    assert vendor.requests[0].headers["authorization"] == "aai-key"


async def test_all_pages_of_twilios_sentences_are_one_call(
    vendor: Vendor, web: PublicClient
) -> None:
    queued = with_fields(TWILIO_TRANSCRIPT, {"status": "queued"})
    vendor.says("/v2/Transcripts/GT1", queued, TWILIO_TRANSCRIPT)
    following = f"{vendor.url}/v2/Transcripts/GT1/Sentences?PageSize=1000&Page=1"
    vendor.says(
        "/v2/Transcripts/GT1/Sentences",
        with_fields(SENTENCES_PAGE, {"meta.next_page_url": following}),
        read_payload("calls", "twilio_sentences_last_page"),
    )
    with pytest.raises(Retry, match="queued"):
        await resolve(TWILIO_NOTICE, phone_account(vendor), web)
    message = await resolve(TWILIO_NOTICE, phone_account(vendor), web)
    assert message.text == "Faturam yanlış"
    assert message.call is not None
    assert [(t.role, t.text) for t in message.call.turns] == [
        ("customer", "Faturam yanlış"),
        ("agent", "Bakıyorum"),
    ]
    assert message.native_id == "CA1"
    pair = base64.b64encode(b"AC1:tw-token").decode()
    assert {a.headers["authorization"] for a in vendor.requests} == {f"Basic {pair}"}


async def test_a_next_page_elsewhere_gets_neither_a_visit_nor_the_token(
    vendor: Vendor, web: PublicClient
) -> None:
    other = Vendor().start()
    try:
        vendor.says("/v2/Transcripts/GT1", TWILIO_TRANSCRIPT)
        vendor.says(
            "/v2/Transcripts/GT1/Sentences",
            with_fields(SENTENCES_PAGE, {"meta.next_page_url": f"{other.url}/x"}),
        )
        with pytest.raises(Rejected, match="not at Twilio"):
            await resolve(TWILIO_NOTICE, phone_account(vendor), web)
        assert other.requests == []
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (with_fields(TWILIO_TRANSCRIPT, {"status": "failed"}), 200, "call.failed"),
        ({}, 404, "media.gone"),
        ({}, 401, "media.gone"),
        (b"<html>", 200, None),
        ([1], 200, None),
        ({}, 503, None),
    ],
)
async def test_a_transcript_that_may_still_come_has_a_day(
    vendor: Vendor,
    web: PublicClient,
    answer: JsonBody | list[int] | bytes,
    status: int,
    error: str | None,
) -> None:
    vendor.says("/v2/Transcripts/GT1", answer, status=status)
    if error is None:
        with pytest.raises(Retry):
            await resolve(TWILIO_NOTICE, phone_account(vendor), web, waited=2 * PATIENCE)
    with pytest.raises(Rejected) as refused:
        await resolve(
            TWILIO_NOTICE, phone_account(vendor), web, waited=LONG_PATIENCE + timedelta(seconds=1)
        )
    assert refused.value.code == (error or "notice.unanswered")


def test_a_notice_counts_only_with_the_key_of_its_service() -> None:
    full = Account(assemblyai=AssemblyAI(key="k"), twilio=TwilioVoice(auth_token="t"))
    assert find_reference(ASSEMBLYAI_NOTICE, full) == "assemblyai:t-1"
    assert find_reference(TWILIO_NOTICE, full) == "twilio:GT1"
    form = read_file("calls", "twilio_notice.form")
    assert find_reference(form, full) == "twilio:GT1"
    for raw in (ASSEMBLYAI_NOTICE, TWILIO_NOTICE):
        assert find_reference(raw, Account()) == ""
        with pytest.raises(Rejected) as error:
            Phone().parse(
                Delivery(raw=raw, account="a", received_at=SAMPLED_AT), Context(brand="b")
            )
        assert error.value.code == "delivery.ignored"
    for raw in (
        json.dumps(TRANSCRIPT).encode(),
        b"",
        b"[]",
        b"{",
        b'{"transcript_id":"../../x"}',
        b"\xff",
        b'{"transcript_id":"t","text":"Merhaba"}',
        b'{"transcript_sid":7}',
    ):
        assert find_reference(raw, full) == ""
