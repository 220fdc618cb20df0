"""Şikayetvar: its pages of complaints."""

from tests.support.ingest.polled import parse_item, read_all
from tests.support.samples.payloads import with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["sikayetvar"].document


def test_an_item_gives_words_author_and_rating() -> None:
    message = parse_item("sikayetvar", ITEM)
    assert (message.text, message.kind, message.sent_at) == (WORDS, "post", SAMPLED_AT)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == (
        "email",
        "a@b.example",
    )
    assert message.post is None or message.post.rating is None
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_complaints_are_read_page_by_page(vendor: Vendor) -> None:
    full = [with_fields(ITEM, {"id": n}) for n in range(1, 51)]
    vendor.says("/v2/complaints", full, [with_fields(ITEM, {"id": 99})], full)
    vendor.says("/v2/complaints", b"", status=401)
    taken, ended = await read_all("sikayetvar", vendor, key="k")
    assert len(taken) == 51, "each once, though the second round showed fifty again"
    assert ended.after == 300
    first = vendor.requests[0]
    assert (first.headers["x-auth-key"], first.json()["filters"]["publishStatuses"]) == (
        "k",
        [2, 3, 5],
    )
    assert "page=1" in vendor.requests[1].path
