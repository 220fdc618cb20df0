"""Reads from the store which messages of a conversation people resolved.

A conversation opens again by a person's outcome, or by a message whose decision has the flag
`reopened`: both are folded here, in the order of their times.
"""

from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import Connection, text

from schemas.decision import REOPENED, Decision
from schemas.message import Message
from schemas.outcome import Outcome

_outcome = msgspec.json.Decoder(Outcome)
_decision = msgspec.json.Decoder(Decision)

_CLOSES = text(
    "SELECT body FROM outcomes WHERE conversation = :c AND kind IN ('resolved', 'reopened')"
)
_REOPENING = text("SELECT body FROM decisions WHERE conversation = :c AND body LIKE :flag")


@dataclass(frozen=True)
class ResolvedMessages:
    """The messages that are resolved, and the time of an outcome that names none of them.

    Such an outcome, of an earlier version, resolved all messages that came before it.
    """

    messages: frozenset[str] = frozenset()
    until: datetime | None = None

    def has(self, message: Message) -> bool:
        """Say whether people resolved a message, and nothing opened its conversation since."""
        if message.id in self.messages:
            return True
        return self.until is not None and message.received_at <= self.until


def read_resolved(connection: Connection, conversation: str) -> ResolvedMessages:
    """Return the resolved messages of a conversation, none after it opened again."""
    name = {"c": conversation}
    outcomes = [_outcome.decode(row[0]) for row in connection.execute(_CLOSES, name)]
    reopening = connection.execute(_REOPENING, {**name, "flag": f'%"{REOPENED}"%'})
    decisions = [_decision.decode(row[0]) for row in reopening]
    opened_at = [d.decided_at for d in decisions if REOPENED in d.flags and not d.hops]
    opened_at += [outcome.at for outcome in outcomes if outcome.kind == "reopened"]
    last_opened = max(opened_at, default=None)
    counting = [
        outcome
        for outcome in outcomes
        if outcome.kind == "resolved" and (last_opened is None or outcome.at > last_opened)
    ]
    return ResolvedMessages(
        frozenset(message for outcome in counting for message in outcome.messages),
        max((outcome.at for outcome in counting if not outcome.messages), default=None),
    )
