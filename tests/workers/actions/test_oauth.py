"""The access tokens of actions, by refresh token."""

import pytest

from schemas.errors import Rejected, Retry
from tests.support.json_body import JsonBody
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import action_of, reply_to
from workers.actions.protocol import Unconfirmed


async def test_reviews_videos_and_forums_are_answered_with_a_fresh_token(vendor: Vendor) -> None:
    cases: list[tuple[str, str, str, JsonBody, bytes]] = [
        (
            "google_business",
            "accounts/1/locations/2/reviews/r1",
            "/v4/accounts/1/locations/2/reviews/r1/reply",
            {"comment": "x"},
            b'"comment"',
        ),
        ("youtube", "c1", "/comments", {"id": "c1.9"}, b'"parentId":"c1"'),
        ("reddit", "t1_a", "/api/comment", {"json": {"errors": []}}, b"thing_id=t1_a"),
    ]
    for channel, target, path, body, content in cases:
        action = action_of(channel)
        settings = action.account(
            client_id="c",
            client_secret="s",
            refresh_token="r",
            api=vendor.url,
            token_url=f"{vendor.url}/token",
        )
        vendor.forget()
        vendor.says("/token", {"access_token": "t"})
        vendor.says(path, body)
        assert await action.send(reply_to(target), settings, b"")
        assert content in vendor.to(path)[0].body
        assert vendor.to(path)[0].headers["authorization"] == "Bearer t"
        unclear = Retry if channel == "google_business" else Unconfirmed
        for refusal, kind in ((403, Retry), (500, unclear), (400, Rejected)):
            vendor.forget()
            vendor.says("/token", {"access_token": "t"})
            vendor.says(path, {}, status=refusal)
            with pytest.raises(kind):
                await action.send(reply_to(target), settings, b"")
        vendor.forget()
        vendor.says("/token", {}, status=400)
        with pytest.raises(Retry):
            await action.send(reply_to(target), settings, b"")
