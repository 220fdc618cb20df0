"""Trustpilot: the token, the pages of reviews, and changed reviews."""

from tests.support.polled import parse_item, read_all
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["trustpilot"].document


def test_an_item_gives_words_author_and_rating() -> None:
    message = parse_item("trustpilot", ITEM)
    assert (message.text, message.kind, message.sent_at) == (WORDS, "review", SAMPLED_AT)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == (
        "handle",
        "trustpilot:u1",
    )
    assert message.post is not None
    assert message.post.rating == 0.25
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_reviews_are_read_as_far_back_as_they_may_change(vendor: Vendor) -> None:
    review = ITEM
    full = [review | {"id": f"r{n}"} for n in range(100)]
    old = [review | {"id": f"o{n}", "createdAt": "2026-01-01T09:00:00Z"} for n in range(100)]
    path = "/v1/private/business-units/u/reviews"
    grant = "/v1/oauth/oauth-business-users-for-applications/accesstoken"
    vendor.says(grant, {"access_token": "t", "expires_in": "359999"})
    vendor.says(
        path,
        {"reviews": full},
        {"reviews": old},
        {"reviews": [full[7] | {"text": "Kargom geldi", "updatedAt": "2026-11-20T10:00:00Z"}]},
        b"down",
    )
    taken, _ = await read_all("trustpilot", vendor, unit="u", key="k", secret="s")
    assert len(taken) == 101, "what is old is no new work"
    assert taken[100].event is not None
    assert (taken[100].event.of, taken[100].text) == (taken[7].id, "Kargom geldi")
    assert [c.path.partition("page=")[2].partition("&")[0] for c in vendor.to(path)] == [
        "1",
        "2",
        "1",
        "1",
    ]
    assert vendor.to(path)[0].headers["authorization"] == "Bearer t"
    (granted,) = vendor.to(grant)
    assert (granted.headers["authorization"], granted.body) == (
        "Basic azpz",
        b"grant_type=client_credentials",
    )
    assert parse_item("trustpilot", review).sender.handle("email") == "a@b.example"
