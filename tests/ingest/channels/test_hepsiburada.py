"""Hepsiburada: the customer's turns of an issue."""

import pytest

from schemas.errors import Rejected
from tests.support.ingest.polled import parse_item, read_all
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["hepsiburada"].document


def test_an_item_gives_words_author_and_rating() -> None:
    message = parse_item("hepsiburada", ITEM)
    assert (message.text, message.kind, message.sent_at) == (WORDS, "post", SAMPLED_AT)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == (
        "handle",
        "hepsiburada:11",
    )
    assert message.post is None or message.post.rating is None
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_only_the_customers_turns_are_messages(vendor: Vendor) -> None:
    later = read_payload("hepsiburada", "issue_with_second_question")
    vendor.says("/issues", {"data": [ITEM]}, [later], b"down")
    taken, _ = await read_all("hepsiburada", vendor, merchant="m", key="k", integrator="santral")
    assert [m.native_id for m in taken] == ["c1", "c3"]
    assert taken[0].conversation == taken[1].conversation
    headers = vendor.requests[0].headers
    assert (headers["merchantid"], headers["user-agent"]) == ("m", "santral")
    _, answer = ITEM["conversations"]
    with pytest.raises(Rejected, match="no turn"):
        parse_item("hepsiburada", with_fields(ITEM, {"conversations": [answer]}))
