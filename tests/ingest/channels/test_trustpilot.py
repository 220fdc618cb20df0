"""Trustpilot: the token, the pages of reviews, and changed reviews."""

import pytest

from schemas.message import Message
from tests.support.ingest.polled import parse_item, read_all
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["trustpilot"].document
PAGE = read_payload("trustpilot", "reviews_page")
REVIEWS = "/v1/private/business-units/u/reviews"
TOKEN = "/v1/oauth/oauth-business-users-for-applications/accesstoken"
CHANGED = {"text": "Kargom geldi", "updatedAt": "2026-11-20T10:00:00Z"}


@pytest.fixture
def reviews(vendor: Vendor) -> Vendor:
    """A vendor with a page of new reviews and a page of old ones, of which one new one changes."""
    new = [with_fields(ITEM, {"id": f"r{n}"}) for n in range(100)]
    old = [
        with_fields(ITEM, {"id": f"o{n}", "createdAt": "2026-01-01T09:00:00Z"}) for n in range(100)
    ]
    vendor.says(TOKEN, {"access_token": "t", "expires_in": "359999"})
    lists = (new, old, [with_fields(new[7], CHANGED)])
    vendor.says(REVIEWS, *(with_fields(PAGE, {"reviews": reviews}) for reviews in lists), b"down")
    return vendor


async def _read_reviews(vendor: Vendor) -> list[Message]:
    messages, _ = await read_all("trustpilot", vendor, unit="u", key="k", secret="s")
    return messages


def test_a_review_gives_words_and_time() -> None:
    message = parse_item("trustpilot", ITEM)
    assert (message.text, message.kind, message.sent_at) == (WORDS, "review", SAMPLED_AT)


def test_a_review_gives_its_author() -> None:
    sender = parse_item("trustpilot", ITEM).sender
    assert (sender.handles[0].kind, sender.handles[0].value) == ("handle", "trustpilot:u1")
    assert sender.handle("email") == "a@b.example"


def test_a_review_gives_its_rating() -> None:
    post = parse_item("trustpilot", ITEM).post
    assert post is not None
    assert post.rating == 0.25


def test_a_review_may_be_answered() -> None:
    message = parse_item("trustpilot", ITEM)
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_old_reviews_are_not_read_as_new_work(reviews: Vendor) -> None:
    ids = {message.native_id for message in await _read_reviews(reviews)}
    assert len(ids) >= 100
    assert not any(native_id.startswith("o") for native_id in ids)


async def test_a_changed_review_follows_the_first_one(reviews: Vendor) -> None:
    messages = await _read_reviews(reviews)
    assert len(messages) == 101
    assert messages[100].event is not None
    assert (messages[100].event.of, messages[100].text) == (messages[7].id, "Kargom geldi")


async def test_pages_are_read_until_the_reviews_are_old(reviews: Vendor) -> None:
    await _read_reviews(reviews)
    pages = [c.path.partition("page=")[2].partition("&")[0] for c in reviews.to(REVIEWS)]
    assert pages == ["1", "2", "1", "1"]


async def test_a_token_of_the_key_and_secret_reads_the_reviews(reviews: Vendor) -> None:
    await _read_reviews(reviews)
    (grant,) = reviews.to(TOKEN)
    assert grant.headers["authorization"] == "Basic azpz"
    assert grant.body == b"grant_type=client_credentials"
    assert reviews.to(REVIEWS)[0].headers["authorization"] == "Bearer t"
