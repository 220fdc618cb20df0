"""Reddit: the inbox, edited comments, and what is nobody's message."""

import pytest

from schemas.errors import Rejected
from tests.support.ingest.polled import OAUTH, parse_item, read_all
from tests.support.samples.payloads import read_payload, with_fields
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
    page = read_payload("reddit", "inbox_page")
    edited = {"data.children.0.data.edited": 1795165300.0, "data.children.0.data.body": "Düzeldi"}
    vendor.says("/token", {"access_token": "t"})
    vendor.says("/message/mentions", page, b"down")
    vendor.says("/message/comments", page)
    vendor.says("/message/selfreply", with_fields(page, edited))
    taken, _ = await read_all(
        "reddit", vendor, username="marka", token_url=f"{vendor.url}/token", **OAUTH
    )
    assert [(m.event.kind if m.event else "", m.text) for m in taken] == [
        ("", f"u/marka {WORDS}"),
        ("edited", "Düzeldi"),
    ]
    assert vendor.to("/token")[0].headers["authorization"].startswith("Basic ")
    for field, text in (("author", "marka"), ("body", "[removed]"), ("author", "[deleted]")):
        with pytest.raises(Rejected) as error:
            parse_item("reddit", with_fields(ITEM, {f"data.{field}": text}), username="Marka")
        assert error.value.code == "delivery.ignored"
    message = parse_item("reddit", ITEM)
    assert message.post is not None
    assert message.post.url == "https://www.reddit.com/r/tr/comments/x1/konu/a/?context=3"
