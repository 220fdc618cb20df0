"""Answers on Trustpilot."""

import pytest

from schemas.errors import Rejected, Retry
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import action_of, reply_to


async def test_a_business_review_is_answered_in_a_users_name(vendor: Vendor) -> None:
    action = action_of("trustpilot")
    account = {"key": "k", "secret": "s", "api": vendor.url}
    with pytest.raises(Rejected, match="author"):
        await action.send(reply_to("r1"), action.account(**account), b"")
    settings = action.account(author="me", **account)
    grant = "/v1/oauth/oauth-business-users-for-applications/accesstoken"
    path = "/v1/private/reviews/r1/reply"
    for status, kind in ((201, None), (403, Retry), (500, Retry), (429, Retry), (400, Rejected)):
        vendor.forget()
        vendor.says(grant, {"access_token": "t"})
        vendor.says(path, {}, status=status)
        if kind is None:
            assert await action.send(reply_to("r1"), settings, b"") == "taken"
            sent = vendor.to(path)[0]
            assert sent.json()["authorBusinessUserId"] == "me"
            assert sent.headers["authorization"] == "Bearer t"
        else:
            with pytest.raises(kind):
                await action.send(reply_to("r1"), settings, b"")
    vendor.forget()
    vendor.says(grant, {}, status=401)
    with pytest.raises(Retry):
        await action.send(reply_to("r1"), settings, b"")
