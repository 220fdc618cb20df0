"""The rows of the table of actions."""

import pytest

from tests.support.workers.replies import REPLY, action_of
from workers.actions.reply_line import LineReplyAccount
from workers.actions.reply_slack import SlackReplyAccount


def test_a_row_has_the_account_type_of_its_action() -> None:
    assert action_of("slack").account is SlackReplyAccount


async def test_a_row_refuses_the_settings_of_another_action() -> None:
    with pytest.raises(TypeError, match="reply_slack has no settings of LineReplyAccount"):
        await action_of("slack").send(REPLY, LineReplyAccount(), b"")
