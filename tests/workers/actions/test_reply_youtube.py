"""Answers on YouTube."""

import pytest

from schemas.errors import Retry
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import action_of, reply_to


async def test_a_quota_that_is_used_up_is_waited_for(vendor: Vendor) -> None:
    action = action_of("youtube")
    settings = action.account(refresh_token="r", api=vendor.url, token_url=f"{vendor.url}/token")
    vendor.says("/token", {"access_token": "t"})
    vendor.says("/comments", {"error": {"errors": [{"reason": "quotaExceeded"}]}}, status=403)
    with pytest.raises(Retry) as later:
        await action.send(reply_to("c1"), settings, b"")
    assert later.value.after == 3600
