"""Answers in Microsoft Teams."""

import pytest

from schemas.errors import Rejected, Retry
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import reply_to
from workers.actions.protocol import Unconfirmed
from workers.actions.reply_teams import ReplyTeams


async def test_teams_is_answered_where_the_message_came_from_with_a_token_that_is_renewed(
    vendor: Vendor,
) -> None:
    action = ReplyTeams()
    settings = action.account(app_id="a", app_password="p", login=vendor.url)
    login, path = "/botframework.com/oauth2/v2.0/token", "/emea/v3/conversations/19:k/activities"
    target = f"{vendor.url}/emea|19:k"
    vendor.says(login, {"access_token": "one"}, {"access_token": "two"})
    vendor.says(path, {"id": "a1"}, status=201)
    assert await action.send(reply_to(target), settings, b"") == "activity a1"
    assert await action.send(reply_to(target), settings, b"") == "activity a1"
    assert len(vendor.to(login)) == 1
    vendor.forget()
    vendor.says(login, {"access_token": "two"})
    vendor.says(path, {}, status=401)
    with pytest.raises(Retry):
        await action.send(reply_to(target), settings, b"")
    assert vendor.to(path)[-1].headers["authorization"] == "Bearer two"
    for status, kind in ((429, Retry), (412, Retry), (502, Unconfirmed), (403, Rejected)):
        vendor.forget()
        vendor.says(login, {"access_token": "two"})
        vendor.says(path, {}, status=status)
        with pytest.raises(kind):
            await action.send(reply_to(target), settings, b"")
