"""Trendyol: customers' questions, and answers that the site refuses."""

import pytest

from schemas.errors import Rejected
from tests.support.ingest.polled import parse_item, read_all, read_deliveries
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["trendyol"].document
PAGE = read_payload("trendyol", "questions_page")


def test_an_item_gives_words_author_and_rating() -> None:
    message = parse_item("trendyol", ITEM)
    assert (message.text, message.kind, message.sent_at) == (WORDS, "post", SAMPLED_AT)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == (
        "handle",
        "trendyol:5",
    )
    assert message.post is None or message.post.rating is None
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_a_refused_answer_opens_the_question_again(vendor: Vendor) -> None:
    again = read_payload("trendyol", "question_asked_again")
    vendor.says(
        "/integration/qna/sellers/s/questions/filter",
        PAGE,
        with_fields(PAGE, {"content": [again]}),
        b"down",
    )
    taken, _ = await read_all("trendyol", vendor, seller="s", key="k", secret="x")
    first, second = taken
    assert first.conversation == second.conversation
    assert first.id != second.id
    assert second.flags == ("answer_refused",)
    assert "yasak kelime" in second.full_text
    assert vendor.requests[0].headers["user-agent"] == "s - SelfIntegration"
    done = parse_item("trendyol", with_fields(ITEM, {"status": "ANSWERED"}))
    assert done.answering is not None
    assert done.answering.forbidden


async def test_questions_without_an_id_never_count_as_the_same_question(vendor: Vendor) -> None:
    without_id = [with_fields(ITEM, {"id": None, "text": text}) for text in ("ilk", "ikinci")]
    page = with_fields(PAGE, {"content": [*without_id, ITEM]})
    vendor.says("/integration/qna/sellers/s/questions/filter", page, page, b"down")
    deliveries, _ = await read_deliveries("trendyol", vendor, seller="s", key="k", secret="x")

    *unreadable, readable = deliveries
    assert parse_item("trendyol", readable.raw).native_id == str(ITEM["id"])
    assert ["ilk" in unreadable[0].raw.decode(), len(unreadable)] == [True, 2]
    for delivery in unreadable:
        with pytest.raises(Rejected, match="without its id"):
            parse_item("trendyol", delivery.raw)
