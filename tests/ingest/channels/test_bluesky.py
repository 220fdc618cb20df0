"""Bluesky: posts for the account, their content, and a real stream that ends and resumes."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.bluesky import Bluesky
from ingest.channels.bluesky.account import Account
from ingest.source import SourceContext
from runtime.http.public_client import PublicClient
from schemas.base import message_id
from schemas.errors import Rejected, Retry
from schemas.state.cursor import Cursor
from tests.support.ingest.source_contexts import source_context
from tests.support.json_body import JsonBody
from tests.support.messages import MemoryCursors
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)
ME, AYSE = "did:plc:marka", "did:plc:ayse"
ACCOUNT = Account(did=ME, keywords=("örnek market",))

OWN = f"at://{ME}/app.bsky.feed.post/1"
BEFORE = f"at://{AYSE}/app.bsky.feed.post/9"
POST, MENTION, REPLY, QUOTE, DELETION = (
    read_payload("bluesky", name) for name in ("post", "mention", "reply", "quote", "deletion")
)


def encode_event(event: JsonBody) -> bytes:
    """Return an event as Jetstream sends it."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def _parsed(event: JsonBody, hint: str | None = None) -> Parsed:
    return _parse(encode_event(event), hint)


def _parse(raw: bytes, hint: str | None = None, settings: Account = ACCOUNT) -> Parsed:
    delivery = Delivery(raw=raw, account="a", received_at=NOW, hint=hint)
    return Bluesky().parse(delivery, Context(brand="default", settings=settings))


@pytest.mark.parametrize(
    "event",
    [
        MENTION,
        REPLY,
        with_fields(REPLY, {"commit.record.reply.root.uri": BEFORE}),
        QUOTE,
        with_fields(POST, {"commit.record.text": "ÖRNEK MARKET kargom gelmedi"}),
    ],
)
def test_a_post_that_mentions_answers_quotes_or_names_us_is_a_message(event: JsonBody) -> None:
    message = _parsed(event).message
    assert message.kind == "post"
    assert message.sender.handle("handle") == f"bluesky:{AYSE}"
    assert message.post is not None
    assert message.post.url == f"https://bsky.app/profile/{AYSE}/post/3k1"


@pytest.mark.parametrize(
    "event",
    [
        with_fields(REPLY, {"commit.record.reply.parent.uri": BEFORE}),
        POST,
        with_fields(MENTION, {"did": ME}),
        with_fields(MENTION, {"commit.record.facets.0.features.0.did": "did:plc:baska"}),
        DELETION,
        read_payload("bluesky", "like"),
        read_payload("bluesky", "identity"),
        read_payload("bluesky", "account"),
    ],
)
def test_any_other_event_is_ignored(event: JsonBody) -> None:
    with pytest.raises(Rejected) as error:
        _parsed(event)
    assert error.value.code == "delivery.ignored"


def test_people_under_one_post_have_conversations_of_their_own() -> None:
    ayse = _parsed(REPLY).message
    below = {
        "commit.rkey": "3k2",
        "commit.record.reply.parent.uri": f"at://{AYSE}/app.bsky.feed.post/3k1",
    }
    again = _parsed(with_fields(REPLY, below), hint=OWN).message
    ali = _parsed(with_fields(REPLY, {"did": "did:plc:ali"})).message
    assert ayse.conversation == again.conversation != ali.conversation


def test_an_edit_and_a_deletion_name_the_post() -> None:
    first = _parsed(REPLY).message
    update = {"commit.operation": "update", "commit.record.text": "yeni"}
    edit = _parsed(with_fields(REPLY, update)).message
    deletion = _parsed(DELETION, hint=OWN).message
    original = message_id("bluesky", "bluesky:a", first.native_id)
    for change, kind in ((edit, "edited"), (deletion, "deleted")):
        assert change.event is not None
        assert (change.event.kind, change.event.of) == (kind, original)
        assert change.conversation == first.conversation


def test_a_post_has_its_links_in_full_and_its_pictures_by_their_hash() -> None:
    parsed = _parsed(read_payload("bluesky", "link_and_picture"))
    full_text = "çok kötü https://ornek.example/abc bakın @marka.example"
    assert parsed.message.full_text == full_text
    assert parsed.message.attachments[0].name == "kırık ürün"
    assert parsed.media[0].ref == f"{AYSE}/bafyimg"


@pytest.mark.parametrize("size", ["abc", "inf", -5, None])
def test_an_invalid_size_counts_as_zero(size: object) -> None:
    event = read_payload("bluesky", "link_and_picture")
    path = "commit.record.embed.images.0.image.size"
    assert _parsed(with_fields(event, {path: size})).message.attachments[0].size == 0


async def test_a_picture_comes_from_its_authors_own_server(vendor: Vendor) -> None:
    document = read_payload("bluesky", "did_document")
    vendor.says(
        "/did%3Aplc%3Aayse", with_fields(document, {"service.0.serviceEndpoint": vendor.url})
    )
    vendor.says("/xrpc/com.atproto.sync.getBlob", b"png")
    settings, web = Account(directory=vendor.url, pds=vendor.url), PublicClient()
    assert await Bluesky().fetch(f"{AYSE}/bafy", settings, web) == b"png"
    with pytest.raises(Rejected):
        await Bluesky().fetch("did:web:../x/bafy", settings, web)
    await web.close()


def test_an_event_of_the_second_form_is_the_same_message() -> None:
    second = read_payload("bluesky", "mention_of_second_form")
    assert _parsed(second).message == _parsed(MENTION).message


class Jetstream:
    """Speaks Jetstream's protocol: it sends its events from the cursor on, and ends."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.paths: list[str] = []
        self.url = ""

    async def __call__(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        _, _, since = socket.request.path.partition("cursor=")
        for event in self.events:
            if not since or json.loads(event)["time_us"] >= int(since):
                await socket.send(event.decode())
        await socket.close(1012)


@pytest.fixture
async def jetstream() -> AsyncIterator[Jetstream]:
    stream = Jetstream()
    async with serve(stream, "127.0.0.1", 0) as server:
        stream.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/subscribe"
        yield stream


async def read_stream(
    account: Account, context: SourceContext, cursors: MemoryCursors
) -> list[Delivery]:
    """Run a source until its stream ends; return its deliveries."""
    deliveries: list[Delivery] = []

    async def accept(delivery: Delivery) -> None:
        deliveries.append(delivery)

    with pytest.raises(Retry):
        await Bluesky().source("a", account, context).run(accept, cursors)
    return deliveries


def stamp_events(*events: tuple[str, JsonBody], first: int = 0) -> list[bytes]:
    """Return events with these record keys, each a second after the one before."""
    stamped = (
        with_fields(event, {"commit.rkey": rkey, "time_us": NOW_US + second * 1_000_000})
        for second, (rkey, event) in enumerate(events, first)
    )
    return [encode_event(event) for event in stamped]


async def test_a_stream_continues_at_its_cursor_after_a_restart(
    jetstream: Jetstream, vendor: Vendor
) -> None:
    vendor.says("/xrpc/app.bsky.actor.getProfile", read_payload("bluesky", "profile"))
    below: dict[str, object] = {
        "commit.record.text": "devam",
        "commit.record.reply.parent.uri": f"at://{AYSE}/app.bsky.feed.post/2",
        "commit.record.reply.root.uri": "x",
    }
    jetstream.events = stamp_events(
        ("1", POST),
        ("2", MENTION),
        ("1", DELETION),
        ("3", with_fields(REPLY, below)),
        ("4", with_fields(REPLY, below | {"did": "did:plc:ali"})),
        ("5", with_fields(MENTION, {"commit.record.embed": {"images": "none"}})),
        ("2", DELETION),
    )
    end_us = NOW_US + 6_000_000
    state: dict[str, str] = {}
    warnings: list[str] = []
    seconds = iter(range(0, 10_000, 6))
    context = replace(
        source_context(NOW),
        now=lambda: NOW + timedelta(seconds=next(seconds)),
        warn=lambda event, **_fields: warnings.append(event),
        load_state=state.get,
        save_state=state.__setitem__,
    )
    account = msgspec.structs.replace(ACCOUNT, jetstream=jetstream.url, api=vendor.url, keywords=())
    cursors = MemoryCursors()
    ours, continuation, unreadable, deletion = await read_stream(account, context, cursors)
    first = _parse(ours.raw, ours.hint, account).message
    assert (first.text, first.sender.name) == ("@marka.example kargom nerede?", "Ayşe")
    assert first.post is not None
    assert first.post.author_reach == 1200
    assert first.post.url == "https://bsky.app/profile/ayse.example/post/2"
    second = _parse(continuation.raw, continuation.hint, account).message
    assert second.text == "devam", "an author's post below their own post to us is for us, too"
    with pytest.raises(Rejected):
        _parse(unreadable.raw, None, account)
    event = _parse(deletion.raw, deletion.hint, account).message.event
    assert event is not None
    assert event.of == first.id
    cursor = await cursors.load("bluesky:a")
    assert cursor is not None
    assert cursor.position == end_us

    # A new process still finds the post, which the earlier process read.
    jetstream.events += stamp_events(("2", DELETION), first=7)
    *_, second_deletion = await read_stream(account, context, cursors)
    assert jetstream.paths[1].endswith(f"cursor={end_us}")
    assert second_deletion.hint == first.native_id
    assert warnings == []


async def test_a_gap_between_the_cursor_and_the_first_event_is_logged(
    jetstream: Jetstream,
) -> None:
    jetstream.events = stamp_events(("3k1", POST), first=3600)
    warnings: list[str] = []
    context = replace(source_context(NOW), warn=lambda event, **_fields: warnings.append(event))
    cursors = MemoryCursors()
    await cursors.save(Cursor(source="bluesky:a", epoch="time_us", position=NOW_US, at=NOW))
    await read_stream(Account(did=ME, jetstream=jetstream.url), context, cursors)
    assert warnings == ["source.gap"]


async def test_each_unreadable_event_of_a_post_for_us_becomes_a_dead_letter(
    jetstream: Jetstream, vendor: Vendor
) -> None:
    vendor.says("/xrpc/app.bsky.actor.getProfile", read_payload("bluesky", "profile"))
    faulty = with_fields(MENTION, {"commit.record.embed": 5})
    keyword = {"commit.record.embed": 5, "commit.record.text": "ÖRNEK market kötü"}
    for_us = [
        encode_event(faulty),
        encode_event(with_fields(faulty, {"commit.record.text": "yine bozuk"})),
        encode_event(with_fields(POST, keyword)),
        encode_event(MENTION)[:-1],
        encode_event(with_fields(MENTION, {"commit.rkey": ""})),
    ]
    for_others = [
        encode_event(with_fields(POST, {"commit.record.embed": 5})),
        encode_event(POST)[:-1],
    ]
    jetstream.events = [*for_us, *for_others]
    account = msgspec.structs.replace(ACCOUNT, jetstream=jetstream.url, api=vendor.url)
    deliveries = await read_stream(account, source_context(NOW), MemoryCursors())

    assert [delivery.raw for delivery in deliveries] == for_us
    for delivery in deliveries:
        with pytest.raises(Rejected) as error:
            _parse(delivery.raw, settings=account)
        assert error.value.code in ("json.invalid", "json.malformed")
