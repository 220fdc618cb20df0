"""Answers on Mastodon."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.errors import Retry
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import action_of, reply_to
from workers.actions.protocol import Unconfirmed


async def test_a_post_is_not_sent_again_once_the_server_forgot_its_key(vendor: Vendor) -> None:
    action = action_of("mastodon")
    settings = action.account(url=vendor.url, token="t")
    vendor.says("/api/v1/statuses", None)
    now = datetime.now(UTC)
    with pytest.raises(Retry):
        await action.send(reply_to("1|ali|public", at=now), settings, b"")
    with pytest.raises(Unconfirmed):
        await action.send(reply_to("1|ali|public", at=now - timedelta(hours=1)), settings, b"")
    vendor.forget()
    vendor.says("/api/v1/statuses", {"id": "2"})
    for text, status in (
        ("@aliye bak", "@ali @\u2060aliye bak"),
        ("tamam @ali.", "tamam @ali."),
        ("@ali@x.example", "@ali @\u2060ali@x.example"),
    ):
        await action.send(reply_to("1|ali|public", text=text, at=now), settings, b"")
        assert vendor.requests[-1].json()["status"] == status
