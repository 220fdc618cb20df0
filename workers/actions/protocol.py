"""The Action protocol: how an outside system that gets our work looks to the rest of workers.

An action is handed one Reply at a time with an idempotency key. It never retries, sleeps or
publishes; what it raises tells the worker what to do.

    returns           done; what the outside said
    Rejected(code)    can never be done: the outcome `undeliverable` tells the desk
    Retry(after)      not begun: the same again later
    Unconfirmed       begun, and nobody knows how it ended: never done twice, a person looks
"""

from typing import Any, Protocol

import msgspec

from schemas.errors import SantralError
from schemas.outcome import Reply


class Unconfirmed(SantralError):
    """The other side may or may not have taken it."""


class Action(Protocol):
    """What every reply action has.

    `shares` names the settings that it takes from the channel's account unless its own says more.
    """

    name: str
    channel: str
    account: type[msgspec.Struct]
    shares: tuple[str, ...]

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return what the other side said."""
        ...
