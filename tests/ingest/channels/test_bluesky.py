"""Bluesky: which posts are for us, what they hold, and a real stream that ends and resumes."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
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

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
US = int(NOW.timestamp() * 1_000_000)
ME, AYSE = "did:plc:marka", "did:plc:ayse"
ACCOUNT = Account(did=ME, keywords=("örnek market",))


def post(
    text: str = "merhaba",
    operation: str = "create",
    rkey: str = "3k1",
    did: str = AYSE,
    at: int = US,
    **record: Any,
) -> bytes:
    told = {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": "2026-11-20T09:00:00Z",
    } | record
    commit = {
        "rev": f"r{at}",
        "operation": operation,
        "collection": "app.bsky.feed.post",
        "rkey": rkey,
    }
    if operation != "delete":
        commit |= {"record": told, "cid": "bafy1"}  # type: ignore[dict-item]  # JSON
    return json.dumps(
        {"did": did, "time_us": at, "kind": "commit", "commit": commit}, separators=(",", ":")
    ).encode()


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
    made = _parsed(post(**more)).message
    assert made.kind == "post"
    assert made.sender.handle("handle") == f"bluesky:{AYSE}"
    assert made.post is not None
    assert made.post.url == f"https://bsky.app/profile/{AYSE}/post/3k1"


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
def test_nothing_else_is(raw: bytes) -> None:
    with pytest.raises(Rejected) as error:
        _parsed(raw)
    assert error.value.code == "delivery.ignored"


def test_people_under_one_post_have_conversations_of_their_own() -> None:
    ayse = _parsed(post(**reply(OWN))).message
    below = reply(OWN, f"at://{AYSE}/app.bsky.feed.post/3k1")
    again = _parsed(post(rkey="3k2", **below), hint=OWN).message
    ali = _parsed(post(did="did:plc:ali", **reply(OWN))).message
    assert ayse.conversation == again.conversation != ali.conversation


def test_an_edit_and_a_deletion_touch_the_post() -> None:
    first = _parsed(post(**reply(OWN))).message
    edit = _parsed(post("yeni", operation="update", **reply(OWN))).message
    gone = _parsed(post(operation="delete"), hint=OWN).message
    for made, kind in ((edit, "edited"), (gone, "deleted")):
        assert made.event is not None
        assert (made.event.kind, made.event.of) == (
            kind,
            message_id("bluesky", "bluesky:a", first.native_id),
        )
        assert made.conversation == first.conversation


def test_links_stand_in_full_and_pictures_are_fetched_by_their_hash() -> None:
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
    made = _parsed(post(text, facets=[link, *mention()["facets"]], embed={"images": [image]}))
    assert made.message.full_text == "çok kötü https://ornek.example/abc bakın"
    assert made.message.attachments[0].name == "kırık ürün"
    assert made.media[0].ref == f"{AYSE}/bafyimg"


@pytest.mark.parametrize("size", ["abc", "inf", -5, None])
def test_what_strangers_write_as_a_size_stops_nothing(size: Any) -> None:
    image = {"image": {"ref": {"$link": "b"}, "mimeType": "image/png", "size": size}}
    made = _parsed(post(embed={"images": [image]}, **mention())).message
    assert made.attachments[0].size == 0


async def test_a_picture_is_asked_of_its_authors_own_server(vendor: Vendor) -> None:
    vendor.says(
        "/did%3Aplc%3Aayse", {"service": [{"id": "#atproto_pds", "serviceEndpoint": vendor.url}]}
    )
    vendor.says("/xrpc/com.atproto.sync.getBlob", b"png")
    settings, web = Account(directory=vendor.url, pds=vendor.url), PublicClient()
    assert await Bluesky().fetch(f"{AYSE}/bafy", settings, web) == b"png"
    with pytest.raises(Rejected):
        await Bluesky().fetch("did:web:../x/bafy", settings, web)
    await web.close()


def test_the_second_form_is_the_same_message() -> None:
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
    """Speaks Jetstream's protocol: sends what it has from the cursor on, then goes silent or ends."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.asked: list[str] = []
        self.url = ""

    async def __call__(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.asked.append(socket.request.path)
        _, _, since = socket.request.path.partition("cursor=")
        for event in self.events:
            if not since or json.loads(event)["time_us"] >= int(since):
                await socket.send(event.decode())
        await socket.close(1012)


@pytest.fixture
async def jetstream() -> AsyncIterator[Jetstream]:
    made = Jetstream()
    async with serve(made, "127.0.0.1", 0) as server:
        made.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/subscribe"
        yield made


async def test_a_stream_that_ends_is_taken_up_where_it_was(
    jetstream: Jetstream, vendor: Vendor
) -> None:
    vendor.says(
        "/xrpc/app.bsky.actor.getProfile",
        {"handle": "ayse.example", "displayName": "Ayşe", "followersCount": 1200},
    )
    second = 1_000_000
    jetstream.events = [
        post("biri", rkey="1", at=US),
        post("bizden", rkey="2", at=US + second, **mention()),
        post(operation="delete", rkey="1", at=US + 2 * second),
        post(
            "devam", rkey="3", at=US + 3 * second, **reply("x", f"at://{AYSE}/app.bsky.feed.post/2")
        ),
        post(
            "başkası",
            rkey="4",
            did="did:plc:ali",
            at=US + 4 * second,
            **reply("x", f"at://{AYSE}/app.bsky.feed.post/2"),
        ),
        post("kötü", rkey="5", at=US + 5 * second, embed={"images": "none"}, **mention()),
        post(operation="delete", rkey="2", at=US + 9 * second),
    ]
    taken: list[Delivery] = []
    kept: dict[str, str] = {}
    ticks = iter(range(0, 10_000, 6))

    async def accept(delivery: Delivery) -> None:
        taken.append(delivery)

    def now() -> datetime:
        return datetime.fromtimestamp(NOW.timestamp() + next(ticks), UTC)

    warned: list[str] = []
    tools = SourceContext(
        now=now,
        pause=asyncio.sleep,
        warn=lambda what, **_: warned.append(what),
        report_pass=lambda _s: None,
        load_state=kept.get,
        save_state=kept.__setitem__,
    )
    account = msgspec.structs.replace(ACCOUNT, jetstream=jetstream.url, api=vendor.url, keywords=())
    cursors = MemoryCursors()
    source = Bluesky().source("a", account, tools)
    with pytest.raises(Retry):
        await source.run(accept, cursors)
    assert len(taken) == 4
    first, more, gone = (_parsed(d.raw, d.hint, account).message for d in (*taken[:2], taken[3]))
    assert more.text == "devam", "below their own words to us they still speak to us"
    with pytest.raises(Rejected):
        _parsed(taken[2].raw, None, account)
    assert (first.text, first.sender.name) == ("bizden", "Ayşe")
    assert first.post is not None
    assert (first.post.author_reach, first.post.url) == (
        1200,
        "https://bsky.app/profile/ayse.example/post/2",
    )
    assert gone.event is not None
    assert gone.event.of == first.id
    held = await cursors.load("bluesky:a")
    assert held is not None
    assert held.position == US + 9 * second
    # A new process: the cursor goes on, and the deletion of a post taken before still finds it.
    jetstream.events.append(post(operation="delete", rkey="2", at=US + 10 * second))
    with pytest.raises(Retry):
        await Bluesky().source("a", account, tools).run(accept, cursors)
    assert jetstream.asked[1].endswith(f"cursor={US + 9 * second}")
    assert taken[-1].hint == first.native_id
    assert warned == []


async def test_a_server_that_can_not_go_back_so_far_is_told(jetstream: Jetstream) -> None:
    jetstream.events = [post(at=US + 3_600_000_000)]
    warned: list[str] = []
    tools = SourceContext(
        now=lambda: NOW,
        pause=asyncio.sleep,
        warn=lambda what, **_: warned.append(what),
        report_pass=lambda _s: None,
    )
    cursors = MemoryCursors()
    await cursors.save(Cursor(source="bluesky:a", epoch="time_us", position=US, at=NOW))
    source = Bluesky().source("a", Account(did=ME, jetstream=jetstream.url), tools)
    with pytest.raises(Retry):
        await source.run(lambda _d: asyncio.sleep(0), cursors)
    assert warned == ["source.gap"]


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
    deliveries: list[Delivery] = []

    async def accept(delivery: Delivery) -> None:
        deliveries.append(delivery)

    context = SourceContext(
        now=lambda: NOW,
        pause=asyncio.sleep,
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: None,
    )
    account = msgspec.structs.replace(ACCOUNT, jetstream=jetstream.url, api=vendor.url)
    with pytest.raises(Retry):
        await Bluesky().source("a", account, context).run(accept, MemoryCursors())

    assert [delivery.raw for delivery in deliveries] == for_us
    for delivery in deliveries:
        with pytest.raises(Rejected) as error:
            _parsed(delivery.raw, settings=account)
        assert error.value.code in ("json.invalid", "json.malformed")
