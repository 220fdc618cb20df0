"""Recorded traffic out of the store, in the order of time, and what people made of it.

Before: the recorder wrote it. After: router/backtest/replay.py decides it again, `santral train
--corrections` learns from it. Of conversations that went on after `since` the beginning comes, too.
"""

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import msgspec
from sqlalchemy import Connection, text

from runtime import store
from runtime.settings.structs import Settings
from schemas.base import Record
from schemas.decision import TRIAGE
from schemas.incident import Incident, folded
from schemas.message import Message
from schemas.outcome import Outcome
from workers.store.incidents import history

_ACTIVE = "SELECT conversation FROM messages WHERE received_ms >= :since"
_COUNT = "SELECT count(*) FROM messages WHERE received_ms >= :since"
_MESSAGES = f"""
SELECT received_ms, body FROM messages WHERE conversation IN ({_ACTIVE}) ORDER BY received_ms, id
"""
_OUTCOMES = f"""
SELECT at_ms, body FROM outcomes WHERE conversation IN ({_ACTIVE})
  AND kind IN ('rerouted', 'escalated', 'resolved', 'reopened', 'replied') ORDER BY at_ms, id
"""
_PEOPLE = """
SELECT d.message, d.department FROM decisions d
JOIN messages m ON m.id = d.message
WHERE m.received_ms >= :since AND d.department <> :triage AND d.action IN ('queue', 'triage')
  AND d.hops = (SELECT max(x.hops) FROM decisions x WHERE x.message = d.message)
  AND (d.hops > 0 OR EXISTS (SELECT 1 FROM outcomes o WHERE o.item = d.message
                             AND o.kind = 'resolved'))
"""
_RECORDED = """
SELECT d.message, d.department FROM decisions d JOIN messages m ON m.id = d.message
WHERE m.received_ms >= :since AND d.hops = (SELECT min(x.hops) FROM decisions x
                                           WHERE x.message = d.message)
"""
_INCIDENTS = """
SELECT d.message, d.decided_ms, d.body FROM decisions d JOIN messages m ON m.id = d.message
WHERE m.received_ms >= :since AND d.hops = 0 AND d.body LIKE '%"incident":"%'
"""


class _Of(Record, frozen=True, kw_only=True):
    incident: str | None = None


class History:
    """What is recorded since a time (all of it without one)."""

    def __init__(self, connection: Connection, since: datetime | None) -> None:
        self._connection = connection
        self._since = {"since": int(since.timestamp() * 1000) if since else -(2**62)}

    def count(self) -> int:
        """Return how many messages there are."""
        return int(self._connection.execute(text(_COUNT), self._since).scalar() or 0)

    def events(self) -> Iterator[Message | Outcome]:
        """Yield messages and people's outcomes, the oldest first; a message before an outcome."""
        streamed = self._connection.execution_options(stream_results=True, yield_per=500)
        messages = (
            (at, 0, msgspec.json.decode(body, type=Message))
            for at, body in streamed.execute(text(_MESSAGES), self._since)
        )
        outcomes = (
            (at, 1, msgspec.json.decode(body, type=Outcome))
            for at, body in streamed.execute(text(_OUTCOMES), self._since)
        )
        both: Iterator[tuple[int, int, Message | Outcome]]
        both = heapq.merge(messages, outcomes, key=lambda e: (e[0], e[1]))
        for _, _, event in both:
            yield event

    def people(self) -> dict[str, str]:
        """Return by message the department that people moved it to, or resolved it in."""
        return self._by_message(_PEOPLE, triage=TRIAGE)

    def recorded(self) -> dict[str, str]:
        """Return by message the department that it was sent to then."""
        return self._by_message(_RECORDED)

    def incidents(self) -> dict[str, Incident]:
        """Return by message the incident that the router knew it to be part of, as it was then."""
        made: dict[str, Incident] = {}
        records: dict[str, list[Incident]] = {}
        for message, decided_ms, body in self._connection.execute(text(_INCIDENTS), self._since):
            identifier = msgspec.json.decode(body, type=_Of).incident
            if identifier is None:
                continue
            if identifier not in records:
                records[identifier] = history(self._connection, identifier)
            then = [r for r in records[identifier] if r.at.timestamp() * 1000 <= decided_ms]
            known = folded(then or records[identifier][:1]).get(identifier)
            if known is not None:
                made[str(message)] = known
        return made

    def _by_message(self, sql: str, **more: str) -> dict[str, str]:
        found = self._connection.execute(text(sql), {**self._since, **more})
        return {str(message): str(department) for message, department in found}


@contextmanager
def opened(settings: Settings, since: datetime | None = None) -> Iterator[History]:
    """Open the store for reading."""
    engine = store.engine(settings.store_url, read_only=True)
    try:
        with engine.connect() as connection:
            yield History(connection, since)
    finally:
        engine.dispose()
