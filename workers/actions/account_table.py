"""Chooses the settings table of the account that answers a message. Pure.

The sender sends with it, and the desk says beforehand when it can't.
"""

from collections.abc import Mapping

from workers.actions.protocol import A, Action

Table = Mapping[str, object]


def account_name(source: str) -> str:
    """Return the account in a source, which is `channel:account`."""
    return source.split(":")[1] if ":" in source else ""


def account_table(
    action: Action[A],
    source: str,
    tables: Mapping[str, Table],
    accounts: Mapping[str, Table],
) -> dict[str, object]:
    """Return the settings with which `action` answers messages of a source.

    `tables` are the action's own tables by account, `accounts` those of its channel.
    """
    name = account_name(source)
    channel = accounts.get(name, {})
    # Another account's token would answer in the name of that account.
    may_borrow = not action.shares or len(accounts) < 2
    # A form or a note has no mail account, so its answer leaves by the only one there is.
    only_table = next(iter(tables.values())) if len(tables) == 1 else None
    borrowed = tables.get("default") or only_table
    table = tables.get(name) or (borrowed if may_borrow else None) or {}
    return {**{key: channel[key] for key in action.shares if key in channel}, **table}
