"""Answers on a Discourse forum."""

import pytest

from schemas.errors import Rejected, Retry
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import REPLY, action_of, reply_to


async def test_a_forum_is_answered_under_the_post(vendor: Vendor) -> None:
    action = action_of("discourse")
    settings = action.account(url=vendor.url, username="destek", api_key="k")
    vendor.says("/posts.json", {"id": 7})
    assert await action.send(reply_to("3|2"), settings, b"") == "post 7"
    assert vendor.requests[0].json() == {
        "topic_id": 3,
        "raw": REPLY.text,
        "reply_to_post_number": 2,
    }
    for status, body, kind in (
        (429, {"extras": {"wait_seconds": 44}}, Retry),
        (422, {"errors": ["too short"]}, Rejected),
        (403, {}, Retry),
    ):
        vendor.forget()
        vendor.says("/posts.json", body, status=status)
        with pytest.raises(kind) as error:
            await action.send(reply_to("3|2"), settings, b"")
        if status == 429:
            assert error.value.after == 44  # type: ignore[attr-defined]  # a Retry
