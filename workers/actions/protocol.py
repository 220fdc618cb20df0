"""The protocol of an action, which sends replies to one outside system.

An action gets one reply at a time. It never retries, sleeps or publishes, because the sender
decides by the error that it raises:

    returns           sent, with the vendor's id or its answer
    Rejected(code)    never possible, so the outcome `undeliverable` shows the desk why
    Retry(after)      not begun, so the sender tries again later
    ServerAway(after) a Retry of the whole account, whose server can't be reached
    Unconfirmed       begun with an unknown end, so the reply never leaves twice
"""

from typing import Protocol, TypeVar

import msgspec

from schemas.errors import Retry, SantralError
from schemas.outcome import Reply

A = TypeVar("A", bound=msgspec.Struct)


class Unconfirmed(SantralError):
    """The other side may or may not have taken the reply."""


class ServerAway(Retry):
    """The account's server can't be reached, so nothing of the reply left."""


class Action(Protocol[A]):
    """A plug-in that sends the replies of one channel, with an account of the type `A`.

    `shares` names the settings that it takes from the channel's account unless its own has them.
    `required` names the settings without which it refuses every reply with `reply.no_server`.
    """

    name: str
    channel: str
    account: type[A]
    shares: tuple[str, ...]
    required: tuple[str, ...]

    async def send(self, reply: Reply, settings: A, signing_key: bytes) -> str:
        """Send one reply and return the vendor's id or answer.

        `signing_key` signs the conversation's token in a mail.
        """
        ...
