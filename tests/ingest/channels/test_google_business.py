"""Google Business: the reviews of each location, and their changes."""

from tests.support.ingest.polled import OAUTH, parse_item, read_all
from tests.support.samples.payloads import read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["google_business"].document


def test_an_item_gives_words_author_and_rating() -> None:
    message = parse_item("google_business", ITEM)
    assert (message.text, message.kind, message.sent_at) == (WORDS, "review", SAMPLED_AT)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == (
        "handle",
        "google_business:accounts/1/locations/2/reviews/r1",
    )
    assert message.post is not None
    assert message.post.rating == 0.25
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_locations_are_read_in_turn_and_a_change_is_an_event(vendor: Vendor) -> None:
    changed = with_fields(ITEM, {"updateTime": "2026-11-21T09:00:00Z", "comment": "Çok iyi"})
    last_page = read_payload("google_business", "reviews_last_page")
    vendor.says("/token", {"access_token": "t", "expires_in": 3600})
    vendor.says(
        "/v4/accounts/1/locations/2/reviews",
        read_payload("google_business", "reviews_page"),
        last_page,
        with_fields(last_page, {"reviews": [changed]}),
        b"down",
    )
    vendor.says("/v4/accounts/1/locations/3/reviews", {})
    taken, _ = await read_all(
        "google_business",
        vendor,
        locations=("accounts/1/locations/2", "accounts/1/locations/3"),
        token_url=f"{vendor.url}/token",
        **OAUTH,
    )
    assert [(m.event.kind if m.event else "", m.text) for m in taken] == [
        ("", WORDS),
        ("edited", "Çok iyi"),
    ]
    assert len(vendor.to("/token")) == 1
    stars_only = parse_item("google_business", with_fields(ITEM, {"comment": None}))
    assert stars_only.full_text == "[two stars]"
