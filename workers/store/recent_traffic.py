"""Counts the traffic of the last minutes in the store, for the console's first page.

recorded_traffic.py reads the records themselves, and queries.py one message.
"""

import time
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, text

from schemas.outcome import Outcome, closed_messages

_outcome = msgspec.json.Decoder(Outcome)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """The traffic since a moment: messages by channel and minute, decisions, and resolved items.

    `minutes` are minutes since 1970 in UTC, with the number of messages.
    """

    channels: dict[str, int]
    departments: dict[str, int]
    actions: dict[str, int]
    minutes: list[tuple[int, int]]
    total: int
    decided_after_ms: int | None
    resolved: int


def read_flow(connection: Connection, minutes: int = 60, now_ms: int | None = None) -> Flow:
    """Return the counts of the last minutes, and one bar for each minute."""
    now = now_ms if now_ms is not None else int(time.time() * 1000)
    since = {"since": now - minutes * 60_000}
    bars = dict(
        _pairs(
            connection,
            "SELECT received_ms / 60000, count(*) FROM messages WHERE received_ms >= :since "
            "GROUP BY received_ms / 60000",
            since,
        )
    )
    last = now // 60_000
    mean_delay_ms = connection.execute(
        text(
            "SELECT avg(d.decided_ms - m.received_ms) FROM decisions d JOIN messages m "
            "ON m.id = d.message WHERE d.decided_ms >= :since AND d.hops = 0"
        ),
        since,
    ).scalar()
    channels = _counts(connection, "messages", "channel", "received_ms", since)
    return Flow(
        channels=channels,
        departments=_counts(connection, "decisions", "department", "decided_ms", since),
        actions=_counts(connection, "decisions", "action", "decided_ms", since),
        minutes=[(m, bars.get(m, 0)) for m in range(last - minutes + 1, last + 1)],
        total=sum(channels.values()),
        decided_after_ms=None if mean_delay_ms is None else int(mean_delay_ms),
        resolved=_count_resolved(connection, since["since"]),
    )


_RESOLVED = "SELECT count(DISTINCT item) FROM outcomes WHERE kind = 'resolved' AND at_ms >= :since"
_CLOSED_TWICE = """
SELECT x.body FROM outcomes x WHERE x.kind IN ('resolved', 'rerouted', 'escalated')
  AND EXISTS (SELECT 1 FROM outcomes o WHERE o.conversation = x.conversation AND o.item = x.item
              AND o.kind = 'resolved' AND o.at_ms >= :since)
  AND EXISTS (SELECT 1 FROM outcomes o WHERE o.conversation = x.conversation AND o.item = x.item
              AND o.kind IN ('resolved', 'rerouted', 'escalated') AND o.id <> x.id)
  AND x.conversation IN (SELECT conversation FROM outcomes WHERE kind = 'resolved'
                         AND at_ms >= :since)
ORDER BY x.at_ms, x.id
"""
"""The outcomes that close an item which has several of them, and was resolved since a moment."""


def _count_resolved(connection: Connection, since_ms: int) -> int:
    """Return the number of items that people resolved since a moment.

    Two agents can close the same item after Redis has lost its lines. As in the router, the first
    outcome then counts, and a later one on the same messages at the same hops is superseded.
    """
    items = connection.execute(text(_RESOLVED), {"since": since_ms}).scalar() or 0
    rows = connection.execute(text(_CLOSED_TWICE), {"since": since_ms})
    closed: set[tuple[str, int]] = set()
    repeated: set[str] = set()
    resolved: set[str] = set()
    for outcome in (_outcome.decode(row[0]) for row in rows):
        repeated.add(outcome.item)
        closes = set(closed_messages(outcome))
        counts = not closes or not closes <= closed
        if counts and outcome.kind == "resolved" and outcome.at.timestamp() * 1000 >= since_ms:
            resolved.add(outcome.item)
        closed |= closes
    return int(items) - len(repeated) + len(resolved)


def _pairs(connection: Connection, sql: str, values: dict[str, int]) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in connection.execute(text(sql), values)]


def _counts(
    connection: Connection, table: str, column: str, when: str, since: dict[str, int]
) -> dict[str, int]:
    rows = connection.execute(
        text(
            f"SELECT {column}, count(*) FROM {table} WHERE {when} >= :since "
            f"GROUP BY {column} ORDER BY count(*) DESC, {column}"
        ),
        since,
    )
    return {str(name): int(number) for name, number in rows}
