"""Complaint sites: feeds with their validators, JSON by the site's own names, signed calls."""

import asyncio
import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from ingest.channel import Context, Delivery
from ingest.channels.complaint import Complaint
from ingest.channels.complaint.account import Account, FieldPaths
from ingest.source import SourceContext
from ingest.webhook import WebhookContext, WebhookRequest
from schemas.errors import Rejected, Retry
from schemas.message import Message
from tests.support.messages import MemoryCursors
from tests.support.servers.vendor import Vendor

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
KEY = b"sir-complaint-0123456789"
ACCOUNT = Account(secret="whsec_" + base64.b64encode(KEY).decode())


def item(number: str = "7", **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "title": "Kargo",
        "text": "Kargom gelmedi",
        "author": "Ayşe",
        "url": f"https://site.example/{number}",
        "created_at": "2026-11-20T09:00:00Z",
        "rating": 1,
    } | more


def standard(body: bytes, stamp: str = STAMP, versions: str = "v1") -> WebhookRequest:
    mark = base64.b64encode(hmac.new(KEY, f"m1.{stamp}.".encode() + body, sha256).digest()).decode()
    headers = {
        "content-type": "application/json",
        "webhook-id": "m1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"{versions},{mark}",
    }
    return WebhookRequest(method="POST", path="/", query={}, headers=headers, body=body)


def _tools(now: datetime = NOW) -> WebhookContext:
    return WebhookContext(now=now, fetch=lambda _u: None)  # type: ignore[arg-type,return-value]  # never called


def _parsed(raw: bytes, settings: Account = ACCOUNT) -> Message:
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    return Complaint().parse(delivery, Context(brand="d", settings=settings)).message


async def test_standard_webhooks_have_an_id_a_time_and_several_marks() -> None:
    body = json.dumps(item()).encode()
    assert (await Complaint().receive(standard(body), ACCOUNT, _tools())).deliveries
    several = standard(body)
    marks = several.headers["webhook-signature"]
    several.headers["webhook-signature"] = f"v1,AAAA v2,BBBB {marks}"  # type: ignore[index]  # a dict in truth
    assert (await Complaint().receive(several, ACCOUNT, _tools())).deliveries
    for call, now, code in (
        (standard(body, versions="v2"), NOW, "signature.wrong"),
        (standard(body), NOW + timedelta(minutes=6), "signature.stale"),
        (standard(body, stamp="x"), NOW, "signature.missing"),
    ):
        with pytest.raises(Rejected) as error:
            await Complaint().receive(call, ACCOUNT, _tools(now))
        assert error.value.code == code


@pytest.mark.parametrize("form", ["hex", "sha256", "base64"])
async def test_other_sites_sign_in_a_header_of_theirs(form: str) -> None:
    body = json.dumps({"data": [item("7"), item("8"), {"no": "id"}]}).encode()
    made = hmac.new(b"k", body, sha256).digest()
    value = {
        "hex": made.hex(),
        "sha256": f"sha256={made.hex()}",
        "base64": base64.b64encode(made).decode(),
    }[form]
    settings = Account(secret="k", signature_header="X-Site-Mark")
    call = WebhookRequest(
        method="POST", path="/", query={}, headers={"x-site-mark": value}, body=body
    )
    taken = await Complaint().receive(call, settings, _tools())
    assert [_parsed(r, settings).native_id for r in taken.deliveries[:2]] == ["7", "8"]
    with pytest.raises(Rejected):
        _parsed(taken.deliveries[2], settings)
    call.headers["x-site-mark"] = "0" * 64  # type: ignore[index]  # a dict in truth
    with pytest.raises(Rejected, match="not of these bytes"):
        await Complaint().receive(call, settings, _tools())


def test_an_item_is_read_by_the_names_the_site_gives() -> None:
    names = FieldPaths(
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
    told = {
        "sonuc": {
            "liste": [
                {
                    "no": 5,
                    "baslik": "İade",
                    "icerik": {"html": "<p>Param <b>yok</b></p>"},
                    "uye": {"ad": "Ali", "no": 9},
                    "adres": "https://s.example/5",
                    "tarih": "2026-11-20T09:00:00+03:00",
                    "puan": 2,
                    "konu": "k1",
                }
            ]
        }
    }
    from ingest.channels.complaint.json_list import list_entries

    settings = Account(fields=names, most_stars=10)
    (entry,) = list_entries(json.dumps(told).encode(), settings)
    import msgspec

    made = _parsed(msgspec.json.encode(entry), settings)
    assert (made.subject, made.text, made.kind) == ("İade", "Param yok", "review")
    assert made.sender.handle("handle") == "complaint:9"
    assert made.post is not None
    assert made.post.rating == pytest.approx(1 / 9)
    assert made.answering is not None
    assert made.answering.forbidden


RSS = """<?xml version="1.0" encoding="windows-1254"?><rss version="2.0"><channel><title>Forum</title>
<item><guid>g1</guid><title>Örnek Market şikayeti</title><link>https://forum.example/1</link><author>ayse</author>
<pubDate>Fri, 20 Nov 2026 09:00:00 +0300</pubDate><description>&lt;p&gt;Kargom &lt;b&gt;gelmedi&lt;/b&gt;&lt;/p&gt;</description></item>
<item><title>Başka</title><description>konu</description></item></channel></rss>""".encode("cp1254")
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>urn:1</id><title>T</title><updated>2026-11-20T10:00:00Z</updated>
<published>2026-11-20T09:00:00Z</published><content type="html">&lt;p&gt;a&lt;/p&gt;</content></entry></feed>"""


def test_feeds_are_read_with_their_times_and_ids() -> None:
    first, second = (_parsed(r) for r in Complaint().take(RSS).deliveries)
    assert (first.subject, first.text) == ("Örnek Market şikayeti", "Kargom gelmedi")
    assert first.sent_at == datetime(2026, 11, 20, 6, tzinfo=UTC)
    assert second.native_id != first.native_id
    assert second.sent_at is None
    atom, later = (_parsed(r) for r in Complaint().take(ATOM).deliveries)
    assert (atom.event, atom.sent_at) == (None, NOW)
    assert later.event is not None
    assert later.event.of == atom.id
    with pytest.raises(Rejected, match="no feed"):
        Complaint().take(b"<html><body>x</body></html>")
    only = Account(keywords=("örnek market",))
    assert _parsed(Complaint().take(RSS).deliveries[0], only).text
    with pytest.raises(Rejected) as error:
        _parsed(Complaint().take(RSS).deliveries[1], only)
    assert error.value.code == "delivery.ignored"


async def test_a_feed_is_asked_with_its_validators_and_a_later_version_is_an_event(
    vendor: Vendor,
) -> None:
    etag = {"ETag": '"v1"', "Last-Modified": "Fri, 20 Nov 2026 08:00:00 GMT"}
    vendor.says(
        "/feed", ATOM.replace(b"2026-11-20T10:00:00Z", b"2026-11-20T09:00:00Z"), headers=etag
    )
    vendor.says("/feed", b"", status=304)
    vendor.says("/feed", ATOM.replace(b"<title>", b"<title>Yine: "), headers={})
    vendor.says("/feed", b"", status=503, headers={"Retry-After": "77"})
    taken: list[Message] = []
    settings = Account(feed=f"{vendor.url}/feed")

    async def accept(delivery: Delivery) -> None:
        taken.append(_parsed(delivery.raw, settings))

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
        {"data": [item("1")], "next": f"{vendor.url}/api?page=2"},
        {"data": [item("2")], "next": "https://boese.example/api"},
        b"no json",
    )
    settings = Account(
        api=f"{vendor.url}/api", api_headers={"authorization": "Key k"}, fields=names
    )
    taken: list[str] = []

    async def accept(delivery: Delivery) -> None:
        taken.append(_parsed(delivery.raw, settings).native_id)

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


def _rss(*items: tuple[str, str, str, str]) -> bytes:
    """Return a feed of items without a guid: title, link, day, text."""
    written = "".join(
        f"<item><title>{title}</title><link>{link}</link><description>{text}</description>"
        f"<pubDate>0{day} Nov 2026 07:00:00 GMT</pubDate></item>"
        for title, link, day, text in items
    )
    return f'<rss version="2.0"><channel><title>Ş</title>{written}</channel></rss>'.encode()


def _atom(*items: tuple[str, str, str, str]) -> bytes:
    written = "".join(
        f'<entry><title>{title}</title><link href="{link}"/><summary>{text}</summary>'
        f"<published>2026-11-0{day}T07:00:00Z</published></entry>"
        for title, link, day, text in items
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{written}</feed>'.encode()


LIST, SITE = "https://site.example/liste", "https://site.example/"


@pytest.mark.parametrize("form", [_rss, _atom])
@pytest.mark.parametrize("link", [LIST, SITE])
def test_entries_that_share_a_link_are_complaints_of_their_own(form: Any, link: str) -> None:
    shown = [("Kargo", link, "1", "a"), ("Fatura", link, "1", "b"), ("Kargo", link, "2", "c")]
    found = [_parsed(raw) for raw in Complaint().take(form(*shown)).deliveries]
    assert len({message.native_id for message in found}) == 3
    assert all(message.event is None for message in found)
    alike = [("Kargo", link, "1", "a"), ("Kargo", link, "1", "b")]
    both = [_parsed(raw).native_id for raw in Complaint().take(form(*alike)).deliveries]
    assert len(set(both)) == 2
    again = [_parsed(raw).native_id for raw in Complaint().take(form(*reversed(shown))).deliveries]
    assert again == [message.native_id for message in reversed(found)]


@pytest.mark.parametrize("form", [_rss, _atom])
def test_an_entrys_own_link_stays_its_id_when_its_words_change(form: Any) -> None:
    before, after = (
        _parsed(Complaint().take(form((title, f"{LIST}/9", "1", text))).deliveries[0])
        for title, text in (("Kargo", "gelmedi"), ("Kargo geldi", "teşekkürler"))
    )
    assert before.native_id == after.native_id


def test_one_entry_with_the_sites_link_is_another_than_the_next() -> None:
    first, second = (
        _parsed(Complaint().take(_rss((title, SITE, "1", "a"))).deliveries[0])
        for title in ("Kargo", "Fatura")
    )
    assert first.native_id != second.native_id


def test_a_guid_of_several_links_is_that_of_each() -> None:
    written = "".join(
        f"<item><guid isPermaLink='false'>42</guid><title>{title}</title><link>{LIST}/{title}</link></item>"
        for title in ("Kargo", "Fatura")
    )
    feed = f'<rss version="2.0"><channel><title>S</title>{written}</channel></rss>'.encode()
    found = [_parsed(raw) for raw in Complaint().take(feed).deliveries]
    assert len({message.native_id for message in found}) == 2
    assert all(message.event is None for message in found)
