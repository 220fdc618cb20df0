"""Callbacks that only name a message, which ingest fetches after its answer to the vendor."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from cli.offline.trial import Trial
from ingest.channel import Context, Delivery
from ingest.channels.instagram import Instagram
from ingest.channels.messenger import Messenger
from ingest.channels.phone import Account, Phone
from ingest.intake.drain import SpoolDrain
from ingest.intake.media import LONG_PATIENCE, PATIENCE, fetch_content
from ingest.vendors.transcription_apis import AssemblyAI, TwilioVoice, named
from ingest.webhook import WebhookContext, WebhookRequest
from ingest.webhooks.calls import Calls
from runtime.bus.readers import read_to_end
from runtime.http.public_client import PublicClient
from runtime.settings.structs import Settings
from runtime.spool import DiskSpool
from schemas import envelope, topics
from schemas.dead_letter import DeadLetter
from schemas.errors import Rejected, Retry
from schemas.message import Message
from tests.support.ingesting import ingesting
from tests.support.servers.vendor import Vendor
from tests.support.vendor_calls import twilio_signature

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
AAI = b'{"transcript_id":"t-1","status":"completed"}'
TWILIO = b'{"account_sid":"AC1","transcript_sid":"GT1","customer_key":"CA1","event_type":"voice_intelligence_transcript_available"}'
WORDS = {
    "id": "t-1",
    "status": "completed",
    "audio_duration": 4,
    "text": "Buyurun Kargom gelmedi",
    "utterances": [
        {"text": "Buyurun", "start": 0, "end": 900, "speaker": "Agent"},
        {"text": "Kargom gelmedi", "start": 1000, "end": 4000, "speaker": "Customer"},
    ],
}


@pytest.fixture
async def web() -> AsyncIterator[PublicClient]:
    client = PublicClient()
    yield client
    await client.close()


def account(vendor: Vendor) -> Account:
    return Account(
        assemblyai=AssemblyAI(key="aai-key", api=vendor.url),
        twilio=TwilioVoice(account_sid="AC1", auth_token="tw-token", api=vendor.url),
    )


async def got(
    raw: bytes, settings: Account, web: PublicClient, waited: timedelta = timedelta()
) -> Message:
    """Return the Message that a notice leads to."""
    context = Context(brand="default", settings=settings)
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    notice = Phone().parse(delivery, context).notice
    assert notice is not None
    content = await fetch_content(Phone(), notice, raw, settings, web, waited=waited)
    assert content is not None
    return Phone().parse(Delivery(raw=content, account="a", received_at=NOW), context).message


async def test_what_assemblyai_names_is_asked_for_with_its_key(
    vendor: Vendor, web: PublicClient
) -> None:
    vendor.says("/v2/transcript/t-1", WORDS)
    message = await got(AAI, account(vendor), web)
    assert (message.native_id, message.text) == ("t-1", "Kargom gelmedi")
    assert vendor.requests[0].headers["authorization"] == "aai-key"


async def test_all_pages_of_twilios_sentences_are_one_call(
    vendor: Vendor, web: PublicClient
) -> None:
    vendor.says(
        "/v2/Transcripts/GT1",
        {"sid": "GT1", "status": "queued"},
        {
            "sid": "GT1",
            "status": "completed",
            "customer_key": "CA1",
            "duration": 7,
            "channel": {
                "participants": [
                    {"channel_participant": 1, "role": "Customer"},
                    {"channel_participant": 2, "role": "Agent"},
                ]
            },
        },
    )
    following = f"{vendor.url}/v2/Transcripts/GT1/Sentences?PageSize=1000&Page=1"
    vendor.says(
        "/v2/Transcripts/GT1/Sentences",
        {
            "sentences": [
                {
                    "media_channel": 1,
                    "start_time": "0.5",
                    "end_time": 2,
                    "transcript": "Faturam yanlış",
                }
            ],
            "meta": {"next_page_url": following},
        },
        {
            "sentences": [
                {"media_channel": 2, "start_time": 3, "end_time": 4, "transcript": "Bakıyorum"}
            ],
            "meta": {"next_page_url": None},
        },
    )
    with pytest.raises(Retry, match="queued"):
        await got(TWILIO, account(vendor), web)
    message = await got(TWILIO, account(vendor), web)
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
        vendor.says("/v2/Transcripts/GT1", {"status": "completed"})
        vendor.says(
            "/v2/Transcripts/GT1/Sentences",
            {"sentences": [], "meta": {"next_page_url": f"{other.url}/x"}},
        )
        with pytest.raises(Rejected, match="somebody else"):
            await got(TWILIO, account(vendor), web)
        assert other.requests == []
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        ({"status": "failed"}, 200, "call.failed"),
        ({}, 404, "media.gone"),
        ({}, 401, "media.gone"),
        (b"<html>", 200, None),
        ([1], 200, None),
        ({}, 503, None),
    ],
)
async def test_what_cannot_be_had_is_a_dead_letter_and_what_may_come_is_waited_for_a_day(
    vendor: Vendor, web: PublicClient, answer: Any, status: int, error: str | None
) -> None:
    vendor.says("/v2/Transcripts/GT1", answer, status=status)
    if error is None:
        with pytest.raises(Retry):
            await got(TWILIO, account(vendor), web, waited=2 * PATIENCE)
    with pytest.raises(Rejected) as refused:
        await got(TWILIO, account(vendor), web, waited=LONG_PATIENCE + timedelta(seconds=1))
    assert refused.value.code == (error or "notice.unanswered")


def test_only_a_notice_of_a_service_whose_key_is_there_is_one() -> None:
    full = Account(assemblyai=AssemblyAI(key="k"), twilio=TwilioVoice(auth_token="t"))
    assert named(AAI, full) == "assemblyai:t-1"
    assert named(TWILIO, full) == "twilio:GT1"
    assert named(b"account_sid=AC1&transcript_sid=GT1", full) == "twilio:GT1"
    for raw in (AAI, TWILIO):
        assert named(raw, Account()) == ""
        with pytest.raises(Rejected) as error:
            Phone().parse(Delivery(raw=raw, account="a", received_at=NOW), Context(brand="b"))
        assert error.value.code == "delivery.ignored"
    for raw in (
        json.dumps(WORDS).encode(),
        b"",
        b"[]",
        b"{",
        b'{"transcript_id":"../../x"}',
        b"\xff",
        b'{"transcript_id":"t","text":"Merhaba"}',
        b'{"transcript_sid":7}',
    ):
        assert named(raw, full) == ""


async def test_twilio_proves_its_callback_by_its_own_signature() -> None:
    url = "https://door.example/v1/hooks/calls/main"
    settings = Account(twilio=TwilioVoice(auth_token="tw-token", url=url))
    tools = WebhookContext(now=NOW, fetch=None)  # type: ignore[arg-type]  # never called
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


async def test_a_notice_is_safe_at_once_and_its_call_is_published(
    kafka: Settings, tmp_path: Path, vendor: Vendor
) -> None:
    vendor.says("/v2/transcript/t-1", WORDS)
    settings = account(vendor)
    disk, now = DiskSpool(tmp_path), datetime.now(UTC)
    async with ingesting(kafka, timedelta(seconds=20), disk=disk) as ingest:
        drain = SpoolDrain(ingest, {"phone": {"a": settings}})
        delivery = Delivery(raw=AAI, account="a", received_at=now)
        await ingest.accept(Phone(), settings, delivery, patient=True)
        assert (disk.count(), vendor.requests) == (1, [])
        await drain.publish()
        assert await drain.finish_fetches() == 1
        messages = await _read(kafka, topics.MESSAGES.name, Message, "phone:a")
        assert [m.text for m in messages] == ["Kargom gelmedi"]
        assert messages[0].raw
        raw = ingest.archive.read(messages[0].raw) or b""
        assert json.loads(raw)["utterances"], "the archive holds the transcript, not the notice"
        gone = Delivery(raw=AAI.replace(b"t-1", b"t-2"), account="a", received_at=now)
        await ingest.accept(Phone(), settings, gone, patient=True)
        await drain.publish()
        await drain.finish_fetches()
        (letter,) = await _read(kafka, topics.DEAD.name, DeadLetter, "phone:a")
        assert letter.code == "media.gone"
        assert disk.count() == 0


@pytest.mark.parametrize(
    ("named", "query", "answer", "words", "author", "reply_to"),
    [
        (
            {"media_id": "m1", "comment_id": "c9"},
            "mentioned_comment.comment_id(c9)",
            {
                "mentioned_comment": {
                    "text": "@marka kargom nerede?",
                    "username": "ada",
                    "timestamp": "2026-11-20T08:00:00+0000",
                },
                "id": "178",
            },
            "@marka kargom nerede?",
            "ada",
            "mention:178/m1/c9",
        ),
        (
            {"media_id": "m1"},
            "mentioned_media.media_id(m1)",
            {
                "mentioned_media": {
                    "caption": "Bu @marka berbat",
                    "username": "bora",
                    "permalink": "https://www.instagram.com/p/x",
                },
                "id": "178",
            },
            "Bu @marka berbat",
            "bora",
            "mention:178/m1/",
        ),
    ],
)
async def test_a_mention_on_instagram_gets_its_words_its_author_and_its_place(
    vendor: Vendor,
    web: PublicClient,
    named: dict[str, str],
    query: str,
    answer: Any,
    words: str,
    author: str,
    reply_to: str,
) -> None:
    change = {"field": "mentions", "value": named}
    body = json.dumps(
        {"object": "instagram", "entry": [{"id": "178", "time": 1795162800, "changes": [change]}]}
    ).encode()
    vendor.says("/178", answer)
    message = await _mention(Instagram(), body, vendor, web)
    assert (message.text, message.sender.name, message.reply_to, message.repaired) == (
        words,
        author,
        reply_to,
        (),
    )
    assert message.sender.handle("handle") == f"instagram:@{author}"
    assert message.sent_at is not None
    assert query in unquote(vendor.requests[0].path)
    assert vendor.requests[0].headers["authorization"] == "Bearer meta-token"
    assert message.post is not None
    assert (message.post.url is None) == ("permalink" not in str(answer))


async def test_a_mention_on_facebook_is_asked_for_only_when_it_came_without_words(
    vendor: Vendor, web: PublicClient
) -> None:
    value = {
        "item": "comment",
        "post_id": "9_1",
        "comment_id": "9_2",
        "sender_id": "77",
        "verb": "add",
    }
    vendor.says(
        "/9_2",
        {
            "message": "@Marka neredesiniz",
            "from": {"id": "77", "name": "Ada"},
            "permalink_url": "https://www.facebook.com/9_2",
        },
    )
    message = await _mention(Messenger(), _page(value), vendor, web)
    assert (message.text, message.sender.name, message.reply_to) == (
        "@Marka neredesiniz",
        "Ada",
        "comment:9_2",
    )
    written = await _mention(Messenger(), _page(value | {"message": "Merhaba"}), vendor, web)
    assert (written.text, len(vendor.requests)) == ("Merhaba", 1)


async def test_a_mention_whose_words_are_withheld_is_a_message_all_the_same(
    vendor: Vendor, web: PublicClient
) -> None:
    value = {"item": "post", "post_id": "9_1", "sender_id": "77", "verb": "add"}
    vendor.says("/9_1", {"error": {"code": 10}}, status=403)
    message = await _mention(Messenger(), _page(value), vendor, web)
    assert (message.text, message.repaired) == ("", ("text.not_told",))
    vendor.forget()
    vendor.says("/9_1", b"<html>")
    with pytest.raises(Retry):
        await _mention(Messenger(), _page(value), vendor, web)
    late = await _mention(
        Messenger(), _page(value), vendor, web, waited=PATIENCE + timedelta(seconds=1)
    )
    assert late.repaired == ("text.not_told",)


def _page(value: dict[str, Any]) -> bytes:
    change = {"field": "mention", "value": value}
    return json.dumps(
        {"object": "page", "entry": [{"id": "5", "time": 1795162800, "changes": [change]}]}
    ).encode()


async def _mention(
    channel: Messenger | Instagram,
    body: bytes,
    vendor: Vendor,
    web: PublicClient,
    waited: timedelta = timedelta(),
) -> Message:
    """Return the Message of a mention, asked for as accept does."""
    settings = channel.account(token="meta-token", api=vendor.url)
    (raw,) = channel.take(body).deliveries
    context = Context(brand="default", settings=settings)
    parsed = channel.parse(Delivery(raw=raw, account="a", received_at=NOW), context)
    if parsed.notice is not None:
        content = await fetch_content(channel, parsed.notice, raw, settings, web, waited=waited)
        if content is not None:
            parsed = channel.parse(Delivery(raw=content, account="a", received_at=NOW), context)
    return parsed.message


async def _read(kafka: Settings, topic: str, kind: Any, source: str) -> list[Any]:
    messages = [
        envelope.decode(kind, r.value)
        async for records in read_to_end(kafka.kafka, [topic])
        for r in records
    ]
    return [m for m in messages if m.source == source]


def test_a_trial_says_that_it_is_a_notice_and_asks_nobody() -> None:
    tables = {"phone": {"default": {"assemblyai": {"key": "k"}}}}
    (line,) = Trial(Settings(channels=tables), "phone", "default").run("a.json", AAI)
    assert json.loads(line)["rejected"] == "notice.bare"
