"""Bluesky: posts for the account, their content, and a real stream that ends and resumes."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

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
from tests.support.messages import MemoryCursors
from tests.support.servers.vendor import Vendor
from tests.support.source_contexts import source_context

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)
ME, AYSE = "did:plc:marka", "did:plc:ayse"
ACCOUNT = Account(did=ME, keywords=("örnek market",))


def post(
    text: str = "merhaba",
    operation: str = "create",
    rkey: str = "3k1",
    did: str = AYSE,
    time_us: int = NOW_US,
    **fields: Any,
) -> bytes:
    record = {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": "2026-11-20T09:00:00Z",
    } | fields
    commit: dict[str, Any] = {
        "rev": f"r{time_us}",
        "operation": operation,
        "collection": "app.bsky.feed.post",
        "rkey": rkey,
    }
    if operation != "delete":
        commit |= {"record": record, "cid": "bafy1"}
    event = {"did": did, "time_us": time_us, "kind": "commit", "commit": commit}
    return json.dumps(event, separators=(",", ":")).encode()


def mention(did: str = ME) -> dict[str, Any]:
    return {
        "facets": [
            {
                "index": {"byteStart": 0, "byteEnd": 5},
                "features": [{"$type": "app.bsky.richtext.facet#mention", "did": did}],
            }
        ]
    }


def reply(root: str, parent: str = "") -> dict[str, Any]:
    return {
        "reply": {"root": {"uri": root, "cid": "r"}, "parent": {"uri": parent or root, "cid": "p"}}
    }


OWN = f"at://{ME}/app.bsky.feed.post/1"


def _parsed(raw: bytes, hint: str | None = None, settings: Account = ACCOUNT) -> Parsed:
    delivery = Delivery(raw=raw, account="a", received_at=NOW, hint=hint)
    return Bluesky().parse(delivery, Context(brand="default", settings=settings))


@pytest.mark.parametrize(
    "more",
    [
        mention(),
        reply(OWN),
        reply(f"at://{AYSE}/app.bsky.feed.post/9", OWN),
        {"embed": {"$type": "app.bsky.embed.record", "record": {"uri": OWN, "cid": "c"}}},
        {"text": "ÖRNEK MARKET kargom gelmedi"},
    ],
)
def test_a_post_that_mentions_answers_quotes_or_names_us_is_a_message(more: dict[str, Any]) -> None:
    message = _parsed(post(**more)).message
    assert message.kind == "post"
    assert message.sender.handle("handle") == f"bluesky:{AYSE}"
    assert message.post is not None
    assert message.post.url == f"https://bsky.app/profile/{AYSE}/post/3k1"


@pytest.mark.parametrize(
    "raw",
    [
        post(**reply(OWN, f"at://{AYSE}/app.bsky.feed.post/9")),
        post("bir şey"),
        post(did=ME, **mention()),
        post(**mention("did:plc:baska")),
        post(operation="delete"),
        post().replace(b"feed.post", b"feed.like"),
        b'{"did":"d","time_us":1,"kind":"identity"}',
        b'{"did":"d","time_us":1,"kind":"account"}',
    ],
)
def test_any_other_event_is_ignored(raw: bytes) -> None:
    with pytest.raises(Rejected) as error:
        _parsed(raw)
    assert error.value.code == "delivery.ignored"


def test_people_under_one_post_have_conversations_of_their_own() -> None:
    ayse = _parsed(post(**reply(OWN))).message
    below = reply(OWN, f"at://{AYSE}/app.bsky.feed.post/3k1")
    again = _parsed(post(rkey="3k2", **below), hint=OWN).message
    ali = _parsed(post(did="did:plc:ali", **reply(OWN))).message
    assert ayse.conversation == again.conversation != ali.conversation


def test_an_edit_and_a_deletion_name_the_post() -> None:
    first = _parsed(post(**reply(OWN))).message
    edit = _parsed(post("yeni", operation="update", **reply(OWN))).message
    deletion = _parsed(post(operation="delete"), hint=OWN).message
    original = message_id("bluesky", "bluesky:a", first.native_id)
    for change, kind in ((edit, "edited"), (deletion, "deleted")):
        assert change.event is not None
        assert (change.event.kind, change.event.of) == (kind, original)
        assert change.conversation == first.conversation


def test_a_post_has_its_links_in_full_and_its_pictures_by_their_hash() -> None:
    text = "çok kötü ornek.example/a… bakın"
    start = len("çok kötü ".encode())
    link = {
        "index": {"byteStart": start, "byteEnd": start + len("ornek.example/a…".encode())},
        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://ornek.example/abc"}],
    }
    image = {
        "alt": "kırık ürün",
        "image": {
            "$type": "blob",
            "ref": {"$link": "bafyimg"},
            "mimeType": "image/jpeg",
            "size": 9,
        },
    }
    parsed = _parsed(post(text, facets=[link, *mention()["facets"]], embed={"images": [image]}))
    assert parsed.message.full_text == "çok kötü https://ornek.example/abc bakın"
    assert parsed.message.attachments[0].name == "kırık ürün"
    assert parsed.media[0].ref == f"{AYSE}/bafyimg"


@pytest.mark.parametrize("size", ["abc", "inf", -5, None])
def test_an_invalid_size_counts_as_zero(size: Any) -> None:
    image = {"image": {"ref": {"$link": "b"}, "mimeType": "image/png", "size": size}}
    message = _parsed(post(embed={"images": [image]}, **mention())).message
    assert message.attachments[0].size == 0


async def test_a_picture_comes_from_its_authors_own_server(vendor: Vendor) -> None:
    vendor.says(
        "/did%3Aplc%3Aayse", {"service": [{"id": "#atproto_pds", "serviceEndpoint": vendor.url}]}
    )
    vendor.says("/xrpc/com.atproto.sync.getBlob", b"png")
    settings, web = Account(directory=vendor.url, pds=vendor.url), PublicClient()
    assert await Bluesky().fetch(f"{AYSE}/bafy", settings, web) == b"png"
    with pytest.raises(Rejected):
        await Bluesky().fetch("did:web:../x/bafy", settings, web)
    await web.close()


def test_an_event_of_the_second_form_is_the_same_message() -> None:
    first = json.loads(post(**mention()))
    inner = {
        "$type": "network.bsky.jetstream.subscribeEvents#commit",
        "did": AYSE,
        "seq": 5,
        "witnessedAt": "2026-11-20T09:00:00Z",
        **first["commit"],
    }
    second = json.dumps({"$type": "message", "payload": inner}).encode()
    assert _parsed(second).message == _parsed(json.dumps(first).encode()).message


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


async def test_a_stream_continues_at_its_cursor_after_a_restart(
    jetstream: Jetstream, vendor: Vendor
) -> None:
    profile = {"handle": "ayse.example", "displayName": "Ayşe", "followersCount": 1200}
    vendor.says("/xrpc/app.bsky.actor.getProfile", profile)
    times_us = iter(range(NOW_US, 2 * NOW_US, 1_000_000))
    below = reply("x", f"at://{AYSE}/app.bsky.feed.post/2")
    jetstream.events = [
        post("biri", rkey="1", time_us=next(times_us)),
        post("bizden", rkey="2", time_us=next(times_us), **mention()),
        post(operation="delete", rkey="1", time_us=next(times_us)),
        post("devam", rkey="3", time_us=next(times_us), **below),
        post("başkası", rkey="4", did="did:plc:ali", time_us=next(times_us), **below),
        post("kötü", rkey="5", time_us=next(times_us), embed={"images": "none"}, **mention()),
        post(operation="delete", rkey="2", time_us=(end_us := next(times_us))),
    ]
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
    first = _parsed(ours.raw, ours.hint, account).message
    assert (first.text, first.sender.name) == ("bizden", "Ayşe")
    assert first.post is not None
    assert first.post.author_reach == 1200
    assert first.post.url == "https://bsky.app/profile/ayse.example/post/2"
    second = _parsed(continuation.raw, continuation.hint, account).message
    assert second.text == "devam", "an author's post below their own post to us is for us, too"
    with pytest.raises(Rejected):
        _parsed(unreadable.raw, None, account)
    event = _parsed(deletion.raw, deletion.hint, account).message.event
    assert event is not None
    assert event.of == first.id
    cursor = await cursors.load("bluesky:a")
    assert cursor is not None
    assert cursor.position == end_us

    # A new process still finds the post, which the earlier process read.
    jetstream.events.append(post(operation="delete", rkey="2", time_us=next(times_us)))
    *_, second_deletion = await read_stream(account, context, cursors)
    assert jetstream.paths[1].endswith(f"cursor={end_us}")
    assert second_deletion.hint == first.native_id
    assert warnings == []


async def test_a_gap_between_the_cursor_and_the_first_event_is_logged(
    jetstream: Jetstream,
) -> None:
    jetstream.events = [post(time_us=NOW_US + 3_600_000_000)]
    warnings: list[str] = []
    context = replace(source_context(NOW), warn=lambda event, **_fields: warnings.append(event))
    cursors = MemoryCursors()
    await cursors.save(Cursor(source="bluesky:a", epoch="time_us", position=NOW_US, at=NOW))
    await read_stream(Account(did=ME, jetstream=jetstream.url), context, cursors)
    assert warnings == ["source.gap"]


async def test_each_unreadable_event_of_a_post_for_us_becomes_a_dead_letter(
    jetstream: Jetstream, vendor: Vendor
) -> None:
    vendor.says("/xrpc/app.bsky.actor.getProfile", {"handle": "ayse.example"})
    for_us = [
        post("bozuk", embed=5, **mention()),
        post("yine bozuk", embed=5, **mention()),
        post("kotu", embed=5).replace(b"kotu", "ÖRNEK market kötü".encode()),
        post("kopuk", **mention())[:-1],
        post("anahtarsız", rkey="", **mention()),
    ]
    jetstream.events = [*for_us, post("başkası", embed=5), post("biri")[:-1]]
    account = msgspec.structs.replace(ACCOUNT, jetstream=jetstream.url, api=vendor.url)
    deliveries = await read_stream(account, source_context(NOW), MemoryCursors())

    assert [delivery.raw for delivery in deliveries] == for_us
    for delivery in deliveries:
        with pytest.raises(Rejected) as error:
            _parsed(delivery.raw, settings=account)
        assert error.value.code in ("json.invalid", "json.malformed")
