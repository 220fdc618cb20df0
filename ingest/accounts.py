"""The accounts of every channel, as santral.toml configures them.

run.py, the importer and the commands ask for them.
"""

from typing import TypeVar

import msgspec

from ingest.channel import Account, AccountSettings, Channel
from ingest.registry import CHANNELS
from runtime.settings.load import section
from runtime.settings.structs import Settings
from schemas.errors import ConfigError, Problem

Struct = TypeVar("Struct", bound=msgspec.Struct)

DEFAULT_ACCOUNT = "default"
"""The one account of a channel that the settings don't name."""

Accounts = dict[str, dict[str, AccountSettings]]
"""Settings by channel and account."""


def accounts_of(accounts: Accounts, channel: Channel[Account]) -> dict[str, Account]:
    """Return the accounts of one channel, by their own type."""
    settings = accounts.get(channel.name, {})
    return {name: s for name, s in settings.items() if isinstance(s, channel.account)}


def configured_accounts(settings: Settings) -> Accounts:
    """Return the accounts of every channel; raise ConfigError."""
    accounts: Accounts = {}
    for name, channel in CHANNELS.items():
        tables = settings.channels.get(name) or {DEFAULT_ACCOUNT: {}}
        accounts[name] = {
            account: _account(name, channel.account, table) for account, table in tables.items()
        }
    return accounts


def _account(channel: str, struct: type[Struct], table: object) -> Struct:
    """Return the Struct of one table; raise ConfigError where the table is wrong."""
    problems: list[Problem] = []
    account = section(struct, table, "santral.toml", f"channels.{channel}", problems)
    if account is None:
        raise ConfigError(problems)
    return account
