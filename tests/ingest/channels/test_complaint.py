"""Complaint sites: feeds with their validators, JSON of the site's own form, signed calls."""

import asyncio
import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple, Protocol

import msgspec
import pytest

from ingest.channel import Context, Delivery
from ingest.channels.complaint import Complaint
from ingest.channels.complaint.account import Account, FieldPaths
from ingest.channels.complaint.json_list import list_entries
from ingest.source import SourceContext
from ingest.webhook import WebhookContext, WebhookRequest
from schemas.errors import Rejected, Retry
from schemas.message import Message
from tests.support.json_body import JsonBody
from tests.support.messages import MemoryCursors
from tests.support.samples.payloads import read_file, read_payload, with_fields
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
KEY = b"sir-complaint-0123456789"
ACCOUNT = Account(secret="whsec_" + base64.b64encode(KEY).decode())


COMPLAINT = read_payload("complaint", "complaint")
RSS = read_file("complaint", "forum.rss")
ATOM = read_file("complaint", "changed_entry.atom")


def numbered_complaint(number: str) -> JsonBody:
    """Return the complaint with another number."""
    return with_fields(COMPLAINT, {"id": number, "url": f"https://site.example/{number}"})


def standard_call(body: bytes, stamp: str = STAMP, version: str = "v1") -> WebhookRequest:
    """Return a call that is signed by Standard Webhooks."""
    digest = hmac.new(KEY, f"m1.{stamp}.".encode() + body, sha256).digest()
    signature = base64.b64encode(digest).decode()
    headers = {
        "content-type": "application/json",
        "webhook-id": "m1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"{version},{signature}",
    }
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=body)


async def _receive(
    request: WebhookRequest, settings: Account = ACCOUNT, now: datetime = NOW
) -> tuple[bytes, ...]:
    """Return the deliveries of a call; raise Rejected."""

    async def fetch(url: str) -> bytes:
        raise AssertionError(f"nothing is fetched: {url}")

    context = WebhookContext(now=now, fetch=fetch)
    return (await Complaint().receive(request, settings, context)).deliveries


def _parse(raw: bytes, settings: Account = ACCOUNT) -> Message:
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    return Complaint().parse(delivery, Context(brand="d", settings=settings)).message


async def test_a_call_of_standard_webhooks_is_proven() -> None:
    assert await _receive(standard_call(json.dumps(COMPLAINT).encode()))


async def test_one_of_several_signatures_proves_a_call() -> None:
    request = standard_call(json.dumps(COMPLAINT).encode())
    signature = request.headers["webhook-signature"]
    headers = {**request.headers, "webhook-signature": f"v1,AAAA v2,BBBB {signature}"}
    assert await _receive(replace(request, headers=headers))


@pytest.mark.parametrize(
    ("changes", "now", "code"),
    [
        ({"version": "v2"}, NOW, "signature.wrong"),
        ({}, NOW + timedelta(minutes=6), "signature.stale"),
        ({"stamp": "x"}, NOW, "signature.missing"),
    ],
)
async def test_a_call_with_another_version_or_time_is_rejected(
    changes: dict[str, str], now: datetime, code: str
) -> None:
    request = standard_call(json.dumps(COMPLAINT).encode(), **changes)
    with pytest.raises(Rejected) as error:
        await _receive(request, now=now)
    assert error.value.code == code


OWN_HEADER = Account(secret="k", signature_header="X-Site-Mark")


def _own_call(body: bytes, signature: str) -> WebhookRequest:
    """Return a call of a site that signs in a header of its own."""
    headers = {"x-site-mark": signature}
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=body)


@pytest.mark.parametrize("encoding", ["hex", "sha256", "base64"])
async def test_a_site_can_sign_in_a_header_of_its_own(encoding: str) -> None:
    body = json.dumps({"data": [COMPLAINT, numbered_complaint("8"), {"no": "id"}]}).encode()
    digest = hmac.new(b"k", body, sha256).digest()
    signature = {
        "hex": digest.hex(),
        "sha256": f"sha256={digest.hex()}",
        "base64": base64.b64encode(digest).decode(),
    }[encoding]
    first, second, malformed = await _receive(_own_call(body, signature), OWN_HEADER)
    assert [_parse(raw, OWN_HEADER).native_id for raw in (first, second)] == ["7", "8"]
    with pytest.raises(Rejected):
        _parse(malformed, OWN_HEADER)


async def test_a_signature_of_other_bytes_is_rejected() -> None:
    with pytest.raises(Rejected, match="not of these bytes"):
        await _receive(_own_call(b"{}", "0" * 64), OWN_HEADER)


def test_an_item_is_read_by_the_paths_of_the_account() -> None:
    paths = FieldPaths(
        items="sonuc.liste",
        id="no",
        title="baslik",
        text="icerik.html",
        author="uye.ad",
        author_id="uye.no",
        url="adres",
        created="tarih",
        updated="",
        rating="puan",
        thread="konu",
    )
    body = read_file("complaint", "list_with_other_names.json")
    settings = Account(fields=paths, most_stars=10)
    (entry,) = list_entries(body, settings)
    message = _parse(msgspec.json.encode(entry), settings)
    assert (message.subject, message.text, message.kind) == ("İade", "Param yok", "review")
    assert message.sender.handle("handle") == "complaint:9"
    assert message.post is not None
    assert message.post.rating == pytest.approx(1 / 9)
    assert message.answering is not None
    assert message.answering.forbidden


def test_an_rss_feed_gives_each_item_with_its_time() -> None:
    first, second = (_parse(raw) for raw in Complaint().take(RSS).deliveries)
    assert (first.subject, first.text) == ("Örnek Market şikayeti", "Kargom gelmedi")
    assert first.sent_at == datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert second.native_id != first.native_id
    assert second.sent_at is None


def test_a_changed_entry_of_an_atom_feed_is_an_event_too() -> None:
    original, edit = (_parse(raw) for raw in Complaint().take(ATOM).deliveries)
    assert (original.event, original.sent_at) == (None, NOW)
    assert edit.event is not None
    assert edit.event.of == original.id


def test_a_page_that_is_not_a_feed_is_rejected() -> None:
    with pytest.raises(Rejected, match="not a feed"):
        Complaint().take(b"<html><body>x</body></html>")


def test_an_entry_without_a_keyword_is_ignored() -> None:
    settings = Account(keywords=("örnek market",))
    with_keyword, without_keyword = Complaint().take(RSS).deliveries
    assert _parse(with_keyword, settings).text
    with pytest.raises(Rejected) as error:
        _parse(without_keyword, settings)
    assert error.value.code == "delivery.ignored"


async def test_a_feed_is_asked_with_its_validators_and_a_later_version_is_an_event(
    vendor: Vendor,
) -> None:
    etag = {"ETag": '"v1"', "Last-Modified": "Fri, 20 Nov 2026 08:00:00 GMT"}
    vendor.says("/feed", ATOM.replace(b"T10:00:00Z", b"T09:00:00Z"), headers=etag)
    vendor.says("/feed", b"", status=304)
    vendor.says("/feed", ATOM.replace(b"<title>T<", b"<title>Yine: T<"), headers={})
    vendor.says("/feed", b"", status=503, headers={"Retry-After": "77"})
    taken: list[Message] = []
    settings = Account(feed=f"{vendor.url}/feed")

    async def accept(delivery: Delivery) -> None:
        taken.append(_parse(delivery.raw, settings))

    tools = SourceContext(
        now=lambda: NOW,
        pause=lambda _s: asyncio.sleep(0),
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: None,
    )
    with pytest.raises(Retry) as later:
        await Complaint().source("a", settings, tools).run(accept, MemoryCursors())
    assert later.value.after == 77
    first, edited = taken
    assert edited.event is not None
    assert (edited.event.kind, edited.event.of) == ("edited", first.id)
    assert vendor.requests[1].headers["if-none-match"] == '"v1"'
    assert vendor.requests[1].headers["if-modified-since"] == "Fri, 20 Nov 2026 08:00:00 GMT"


async def test_a_json_address_is_followed_page_by_page_and_never_elsewhere(vendor: Vendor) -> None:
    names = FieldPaths(items="data", next="next")
    vendor.says(
        "/api",
        {"data": [numbered_complaint("1")], "next": f"{vendor.url}/api?page=2"},
        {"data": [numbered_complaint("2")], "next": "https://boese.example/api"},
        b"no json",
    )
    settings = Account(
        api=f"{vendor.url}/api", api_headers={"authorization": "Key k"}, fields=names
    )
    taken: list[str] = []

    async def accept(delivery: Delivery) -> None:
        taken.append(_parse(delivery.raw, settings).native_id)

    tools = SourceContext(
        now=lambda: NOW,
        pause=lambda _s: asyncio.sleep(0),
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: None,
    )
    with pytest.raises(Retry, match="can't be read"):
        await Complaint().source("a", settings, tools).run(accept, MemoryCursors())
    assert taken == ["1", "2"]
    assert vendor.requests[0].headers["authorization"] == "Key k"


class FeedEntry(NamedTuple):
    """An entry without an id, of a day in November."""

    title: str
    link: str
    day: int
    text: str


class WriteFeed(Protocol):
    """Writes entries as a feed."""

    def __call__(self, *entries: FeedEntry) -> bytes:
        """Return a feed of these entries."""


def _rss(*entries: FeedEntry) -> bytes:
    written = "".join(
        f"<item><title>{title}</title><link>{link}</link><description>{text}</description>"
        f"<pubDate>0{day} Nov 2026 07:00:00 GMT</pubDate></item>"
        for title, link, day, text in entries
    )
    return f'<rss version="2.0"><channel><title>Ş</title>{written}</channel></rss>'.encode()


def _atom(*entries: FeedEntry) -> bytes:
    written = "".join(
        f'<entry><title>{title}</title><link href="{link}"/><summary>{text}</summary>'
        f"<published>2026-11-0{day}T07:00:00Z</published></entry>"
        for title, link, day, text in entries
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{written}</feed>'.encode()


LIST, SITE = "https://site.example/liste", "https://site.example/"


@pytest.mark.parametrize("write_feed", [_rss, _atom])
@pytest.mark.parametrize("link", [LIST, SITE])
def test_entries_that_share_a_link_are_complaints_of_their_own(
    write_feed: WriteFeed, link: str
) -> None:
    entries = [
        FeedEntry("Kargo", link, 1, "a"),
        FeedEntry("Fatura", link, 1, "b"),
        FeedEntry("Kargo", link, 2, "c"),
    ]
    messages = [_parse(raw) for raw in Complaint().take(write_feed(*entries)).deliveries]
    assert len({message.native_id for message in messages}) == 3
    assert all(message.event is None for message in messages)
    alike = write_feed(FeedEntry("Kargo", link, 1, "a"), FeedEntry("Kargo", link, 1, "b"))
    assert len({_parse(raw).native_id for raw in Complaint().take(alike).deliveries}) == 2
    reordered = Complaint().take(write_feed(*reversed(entries))).deliveries
    assert [_parse(raw) for raw in reordered] == messages[::-1]


@pytest.mark.parametrize("write_feed", [_rss, _atom])
def test_an_entrys_own_link_stays_its_id_when_its_words_change(write_feed: WriteFeed) -> None:
    before, after = (
        _parse(Complaint().take(write_feed(FeedEntry(title, f"{LIST}/9", 1, text))).deliveries[0])
        for title, text in (("Kargo", "gelmedi"), ("Kargo geldi", "teşekkürler"))
    )
    assert before.native_id == after.native_id


def test_one_entry_with_the_sites_link_is_another_than_the_next() -> None:
    first, second = (
        _parse(Complaint().take(_rss(FeedEntry(title, SITE, 1, "a"))).deliveries[0])
        for title in ("Kargo", "Fatura")
    )
    assert first.native_id != second.native_id


def test_a_guid_of_several_links_is_that_of_each() -> None:
    feed = read_file("complaint", "shared_guid.rss")
    messages = [_parse(raw) for raw in Complaint().take(feed).deliveries]
    assert len({message.native_id for message in messages}) == 2
    assert all(message.event is None for message in messages)


def test_each_value_that_is_not_an_entry_becomes_a_dead_letter() -> None:
    body = json.dumps({"items": ["ilk", "ikinci", 7, None, {"id": ""}, COMPLAINT]}).encode()
    *unreadable, readable = Complaint().take(body).deliveries
    assert _parse(readable).native_id == "7"
    assert len(set(unreadable)) == 4
    for raw in unreadable:
        with pytest.raises(Rejected) as error:
            _parse(raw)
        assert error.value.code == "json.invalid"
