"""Google Play: the token, the pages of reviews, and changed reviews."""

import jwt

from tests.support.ingest.polled import RSA_KEY, parse_item, read_all
from tests.support.samples.payloads import read_payload, with_fields, without_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES, WORDS
from tests.support.servers.vendor import Vendor

ITEM = SAMPLES["google_play"].document


def test_an_item_gives_words_author_and_rating() -> None:
    message = parse_item("google_play", ITEM)
    assert (message.text, message.kind, message.sent_at) == (WORDS, "review", SAMPLED_AT)
    assert (message.sender.handles[0].kind, message.sender.handles[0].value) == (
        "handle",
        "google_play:r1",
    )
    assert message.post is not None
    assert message.post.rating == 0.0
    assert message.answering is not None
    assert not message.answering.forbidden
    assert message.reply_to


async def test_a_token_opens_the_reviews_and_a_change_is_an_event(
    vendor: Vendor,
) -> None:
    path = "/androidpublisher/v3/applications/com.ornek/reviews"
    page = read_payload("google_play", "reviews_page")
    last_page = without_fields(page, "tokenPagination")
    own_words = "reviews.0.comments.0.userComment"
    changed = {f"{own_words}.lastModified.seconds": "1795165999", f"{own_words}.text": "yeni"}
    vendor.says("/token", {"access_token": "t", "expires_in": 3600})
    vendor.says(
        path,
        page,
        with_fields(last_page, {"reviews": []}),
        with_fields(last_page, changed),
        b"down",
    )
    taken, _ = await read_all(
        "google_play",
        vendor,
        package="com.ornek",
        client_email="x@y",
        private_key=RSA_KEY,
        token_url=f"{vendor.url}/token",
    )
    assert [m.event.kind if m.event else "" for m in taken] == ["", "edited"]
    assert taken[1].event is not None
    assert taken[1].event.of == taken[0].id
    assert len(vendor.to("/token")) == 1
    assert "token=n" in vendor.to(path)[1].path
    assertion = dict(p.split("=") for p in vendor.to("/token")[0].body.decode().split("&"))[
        "assertion"
    ]
    assert jwt.decode(assertion, options={"verify_signature": False})["scope"].endswith(
        "androidpublisher"
    )
    _, ended = await read_all(
        "google_play",
        vendor,
        package="p",
        client_email="x",
        private_key="no key",
        token_url=f"{vendor.url}/token",
    )
    assert "private_key" in str(ended)
