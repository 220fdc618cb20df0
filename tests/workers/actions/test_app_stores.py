"""Answers on Google Play and in the App Store."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from schemas.errors import Rejected, Retry
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import REPLY, action_of, pem, reply_to


async def test_a_review_is_answered_again_over_the_first_answer(vendor: Vendor) -> None:
    play, apple = action_of("google_play"), action_of("app_store")
    google = play.account(
        package="com.x",
        client_email="a@b",
        private_key=pem(rsa.generate_private_key(65537, 2048)),
        api=vendor.url,
        token_url=f"{vendor.url}/token",
    )
    vendor.says("/token", {"access_token": "t"})
    path = "/androidpublisher/v3/applications/com.x/reviews/r1:reply"
    vendor.says(path, None, {"result": {}})
    with pytest.raises(Retry):
        await play.send(reply_to("r1"), google, b"")
    assert await play.send(reply_to("r1"), google, b"") == "taken"
    assert vendor.to(path)[1].json() == {"replyText": REPLY.text}
    store = apple.account(
        key_id="K",
        issuer="I",
        private_key=pem(ec.generate_private_key(ec.SECP256R1())),
        api=vendor.url,
    )
    vendor.says("/v1/customerReviewResponses", {}, status=201)
    assert await apple.send(reply_to("r1"), store, b"") == "taken"
    assert (
        vendor.to("/v1/customerReviewResponses")[0].json()["data"]["relationships"]["review"][
            "data"
        ]["id"]
        == "r1"
    )
    with pytest.raises(Rejected, match="private_key"):
        await apple.send(reply_to("r1"), apple.account(private_key="x"), b"")
