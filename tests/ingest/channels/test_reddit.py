"""Reddit: the inbox, edited comments, and what is nobody's message."""

import pytest

from schemas.errors import Rejected
from tests.support.polled import OAUTH, parse_item, read_all
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["reddit"].document


def test_an_item_gives_words_author_and_rating() -> None:
    message = parse_item("reddit", ITEM)
    assert (message.text, message.kind, message.sent_at) == (f"u/marka {WORDS}", "post", SAMPLED_AT)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == (
        "handle",
        "reddit:ayse",
    )
    assert message.post is None or message.post.rating is None
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_the_inbox_gives_comments_and_their_edits(vendor: Vendor) -> None:
    own = ITEM
    edited = {"kind": "t1", "data": own["data"] | {"edited": 1795165300.0, "body": "Düzeldi"}}
    vendor.says("/token", {"access_token": "t"})
    for where, things in (("mentions", [own]), ("comments", [own]), ("selfreply", [edited])):
        vendor.says(f"/message/{where}", {"data": {"children": things}})
    vendor.says("/message/mentions", b"down")
    taken, _ = await read_all(
        "reddit", vendor, username="marka", token_url=f"{vendor.url}/token", **OAUTH
    )
    assert [(m.event.kind if m.event else "", m.text) for m in taken] == [
        ("", f"u/marka {WORDS}"),
        ("edited", "Düzeldi"),
    ]
    assert vendor.to("/token")[0].headers["authorization"].startswith("Basic ")
    for more in ({"author": "marka"}, {"body": "[removed]"}, {"author": "[deleted]"}):
        with pytest.raises(Rejected) as error:
            parse_item("reddit", {"data": own["data"] | more}, username="Marka")
        assert error.value.code == "delivery.ignored"
    message = parse_item("reddit", own)
    assert message.post is not None
    assert message.post.url == "https://www.reddit.com/r/tr/comments/x1/konu/a/?context=3"
