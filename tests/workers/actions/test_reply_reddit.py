"""Answers on Reddit."""

import pytest

from schemas.errors import Rejected, Retry
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import action_of, reply_to


@pytest.mark.parametrize(("code", "kind"), [("RATELIMIT", Retry), ("THREAD_LOCKED", Rejected)])
async def test_reddits_errors_come_with_success(
    code: str, kind: type[Exception], vendor: Vendor
) -> None:
    action = action_of("reddit")
    settings = action.account(refresh_token="r", api=vendor.url, token_url=f"{vendor.url}/token")
    vendor.says("/token", {"access_token": "t"})
    vendor.says("/api/comment", {"json": {"errors": [[code, "why", None]]}})
    with pytest.raises(kind):
        await action.send(reply_to("t1_a"), settings, b"")
