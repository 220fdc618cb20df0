"""The contract of every action: `required` names exactly what an answer can't leave without.

The desk reads it to say so before an agent writes.
"""

import msgspec
import pytest

from schemas.errors import Rejected
from tests.support.workers.any_vendor import (
    PLACES,
    Anything,
    account_at,
    anything,
    reply_at,
    with_piece,
)
from workers.actions.registry import ACTIONS

__all__ = ["anything"]

REQUIRED = [(name, setting) for name, action in ACTIONS.items() for setting in action.required]


@pytest.mark.parametrize(("name", "setting"), REQUIRED)
async def test_without_a_required_setting_no_reply_leaves(
    name: str, setting: str, anything: Anything
) -> None:
    action, pieces = ACTIONS[name], PLACES[name][0]
    account = msgspec.structs.replace(account_at(action, anything.url), **{setting: ""})
    address = with_piece(pieces, 0, pieces[0], anything)
    with pytest.raises(Rejected) as refused:
        await action.send(reply_at(address), account, b"k")
    assert refused.value.code == "reply.no_server"


@pytest.mark.parametrize("name", ACTIONS)
async def test_an_account_without_any_setting_lacks_a_required_one(name: str) -> None:
    action = ACTIONS[name]
    values = msgspec.structs.asdict(action.account())
    assert any(not values[setting] for setting in action.required)
