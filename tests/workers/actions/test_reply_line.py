"""Answers on LINE."""

import pytest

from schemas.errors import Retry
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import account_for, reply_to


async def test_line_takes_an_answer_once_by_its_key(vendor: Vendor) -> None:
    action, settings = account_for("line", vendor)
    vendor.says("/v2/bot/message/push", None)
    with pytest.raises(Retry):
        await action.send(reply_to("U1"), settings, b"")
    vendor.forget()
    vendor.says(
        "/v2/bot/message/push", {}, status=409, headers={"x-line-accepted-request-id": "r1"}
    )
    assert await action.send(reply_to("U1"), settings, b"") == "request r1"
