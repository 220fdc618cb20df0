"""YouTube: threads, and the comments below them."""

from typing import Any

import pytest

from schemas.errors import Rejected
from tests.support.polled import OAUTH, parse_item, read_all, read_deliveries
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["youtube"].document


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
    top = ITEM

    def below(number: int) -> dict[str, Any]:
        return top | {
            "id": f"c1.{number}",
            "snippet": top["snippet"] | {"parentId": "c1", "textOriginal": f"{number}. yorum"},
        }

    def thread(count: int) -> dict[str, Any]:
        return {
            "items": [
                {
                    "id": "c1",
                    "snippet": {"topLevelComment": top, "totalReplyCount": count},
                    "replies": {"comments": [below(1)]},
                }
            ]
        }

    vendor.says("/token", {"access_token": "t"})
    vendor.says("/commentThreads", thread(1), thread(3), thread(3), b"down")
    vendor.says(
        "/comments", {"items": [below(1), below(2)], "nextPageToken": "n"}, {"items": [below(3)]}
    )
    taken, _ = await read_all(
        "youtube", vendor, channel_id="UC1", token_url=f"{vendor.url}/token", **OAUTH
    )
    assert [m.native_id for m in taken] == ["c1", "c1.1", "c1.2", "c1.3"]
    assert len({m.conversation for m in taken}) == 1
    assert len(vendor.to("/comments")) == 2, "asked once, for it grew once"
    with pytest.raises(Rejected, match="our own"):
        parse_item("youtube", top, channel_id="UC9")


async def test_an_unreadable_thread_ends_no_listing(vendor: Vendor) -> None:
    kind = {"kind": "youtube#commentThread"}
    threads = [
        kind | {"id": "c0", "snippet": {"topLevelComment": ITEM, "totalReplyCount": "many"}},
        kind | {"id": "c1", "snippet": {"totalReplyCount": 1}},
        kind | {"id": "c2", "snippet": {"topLevelComment": ITEM, "totalReplyCount": 0}},
    ]
    vendor.says("/token", {"access_token": "t"})
    vendor.says("/commentThreads", {"items": threads}, b"down")
    deliveries, _ = await read_deliveries(
        "youtube", vendor, channel_id="UC1", token_url=f"{vendor.url}/token", **OAUTH
    )

    *unreadable, readable = deliveries
    assert parse_item("youtube", readable.raw).native_id == ITEM["id"]
    assert len(unreadable) == 2
    for delivery in unreadable:
        with pytest.raises(Rejected, match="snippet"):
            parse_item("youtube", delivery.raw)
