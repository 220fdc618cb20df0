"""YouTube: threads, and the comments below them."""

import pytest

from schemas.errors import Rejected
from tests.support.ingest.polled import OAUTH, parse_item, read_all, read_deliveries
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["youtube"].document
THREADS_PAGE = read_payload("youtube", "threads_page")


def test_an_item_gives_words_author_and_rating() -> None:
    message = parse_item("youtube", ITEM)
    assert (message.text, message.kind, message.sent_at) == (WORDS, "post", SAMPLED_AT)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == (
        "handle",
        "youtube:UC9",
    )
    assert message.post is None or message.post.rating is None
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_a_thread_with_new_comments_is_read_again(vendor: Vendor) -> None:
    grown = with_fields(THREADS_PAGE, {"items.0.snippet.totalReplyCount": 3})
    vendor.says("/token", {"access_token": "t"})
    vendor.says("/commentThreads", THREADS_PAGE, grown, grown, b"down")
    replies = (
        read_payload("youtube", "replies_page"),
        read_payload("youtube", "replies_last_page"),
    )
    vendor.says("/comments", *replies)
    taken, _ = await read_all(
        "youtube", vendor, channel_id="UC1", token_url=f"{vendor.url}/token", **OAUTH
    )
    assert [m.native_id for m in taken] == ["c1", "c1.1", "c1.2", "c1.3"]
    assert len({m.conversation for m in taken}) == 1
    assert len(vendor.to("/comments")) == 2, "asked once, for it grew once"
    with pytest.raises(Rejected, match="our own"):
        parse_item("youtube", ITEM, channel_id="UC9")


async def test_an_unreadable_thread_ends_no_listing(vendor: Vendor) -> None:
    thread = without_fields(THREADS_PAGE["items"][0], "replies")
    threads = [
        with_fields(thread, {"id": "c0", "snippet.totalReplyCount": "many"}),
        without_fields(thread, "snippet.topLevelComment"),
        with_fields(thread, {"id": "c2", "snippet.totalReplyCount": 0}),
    ]
    vendor.says("/token", {"access_token": "t"})
    vendor.says("/commentThreads", with_fields(THREADS_PAGE, {"items": threads}), b"down")
    deliveries, _ = await read_deliveries(
        "youtube", vendor, channel_id="UC1", token_url=f"{vendor.url}/token", **OAUTH
    )

    *unreadable, readable = deliveries
    assert parse_item("youtube", readable.raw).native_id == ITEM["id"]
    assert len(unreadable) == 2
    for delivery in unreadable:
        with pytest.raises(Rejected, match="snippet"):
            parse_item("youtube", delivery.raw)
