"""App Store: the pages of reviews, and reviews whose words changed."""

import jwt

from tests.support.ingest.polled import EC_KEY, parse_item, read_all
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["app_store"].document


def test_an_item_gives_words_author_and_rating() -> None:
    message = parse_item("app_store", ITEM)
    assert (message.text, message.kind, message.sent_at) == (WORDS, "review", SAMPLED_AT)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == (
        "handle",
        "app_store:r1",
    )
    assert message.post is not None
    assert message.post.rating == 0.25
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_other_words_show_that_a_review_changed(vendor: Vendor) -> None:
    path = "/v1/apps/9/customerReviews"
    page = read_payload("app_store", "reviews_page")
    changed = {"data.0.attributes.body": "Çok iyi", "links.next": "https://boese.example/"}
    vendor.says(
        path,
        with_fields(page, {"links.next": f"{vendor.url}{path}?cursor=2"}),
        with_fields(without_fields(page, "links.next"), {"data": []}),
        with_fields(page, changed),
        b"down",
    )
    taken, _ = await read_all(
        "app_store", vendor, app="9", key_id="K", issuer="I", private_key=EC_KEY
    )
    assert [m.text for m in taken] == [WORDS, "Çok iyi"]
    assert taken[1].event is not None
    header = jwt.get_unverified_header(
        vendor.requests[0].headers["authorization"].removeprefix("Bearer ")
    )
    assert (header["kid"], header["alg"]) == ("K", "ES256")
