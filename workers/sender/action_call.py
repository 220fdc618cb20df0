"""Calls a channel's action once for one reply, with the settings of the reply's account.

A bug may come after the vendor took the reply. It therefore ends the reply, which never leaves
twice.
"""

import asyncio
from hashlib import blake2b
from typing import NamedTuple

from runtime.health.faults import guard
from runtime.log import get
from runtime.settings.load import section
from runtime.settings.structs import Settings
from schemas.errors import Rejected, Retry
from schemas.outcome import OutcomeKind, Reply
from workers.actions.account_table import account_table
from workers.actions.protocol import A, Action, Unconfirmed

log = get(__name__)

MAX_SEND_S = 240.0
"""A try ends by then, because other processes count it as lost after LEASE_S of lost_tries.py."""


class SendResult(NamedTuple):
    """The end of a reply; `answered` means that the vendor works, `failed` that it does not."""

    kind: OutcomeKind
    reason: str
    answered: bool = False
    failed: bool = False


def recipient_hash(key: bytes, reply: Reply) -> str:
    """Return the keyed hash by which the loop guard counts a reply's recipient."""
    address = reply.reply_to or reply.recipient.handle("email") or reply.conversation
    return blake2b(address.encode(), key=key[:64], digest_size=8).hexdigest()


def account_settings(settings: Settings, action: Action[A], reply: Reply) -> A | None:
    """Return the action's settings for a reply's account, or None if they are not valid."""
    tables = settings.action_accounts(action.name)
    accounts = settings.channel_accounts(action.channel)
    table = account_table(action, reply.source, tables, accounts)
    return section(action.account, table, "santral.toml", f"actions.{action.name}", [])


async def send(settings: Settings, reply: Reply, action: Action[A], step: str) -> SendResult:
    """Return the result of a try; raise Retry if the reply has to be sent later."""
    with guard(log, step, passes=(Retry,), id=reply.id, action=action.name):
        account = account_settings(settings, action, reply)
        if account is None:
            text = f"the settings of [actions.{action.name}] are not valid"
            return SendResult("undeliverable", str(Rejected("reply.no_server", text)))
        key = settings.tokens.signing.encode()
        try:
            async with asyncio.timeout(MAX_SEND_S):
                detail = await action.send(reply, account, key)
        except Rejected as error:
            return SendResult("undeliverable", str(error), answered=error.code == "reply.refused")
        except Unconfirmed as error:
            return SendResult("undeliverable", f"unconfirmed: {error}", failed=True)
        except TimeoutError:
            return SendResult("undeliverable", "unconfirmed: no answer in time", failed=True)
        return SendResult("delivered", detail, answered=True)
    return SendResult("undeliverable", str(Rejected("reply.bug")))
