"""Recorded messages and people's outcomes, the oldest first, and the departments that people chose.

router/backtest/replay.py decides them again, and `santral train --corrections` learns from them.
Conversations that continue after the given time come with their beginning.
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
from schemas.incident import Incident, fold_records
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
_PEOPLES_DEPARTMENTS = """
SELECT d.message, d.department FROM decisions d
JOIN messages m ON m.id = d.message
WHERE m.received_ms >= :since AND d.department <> :triage AND d.action IN ('queue', 'triage')
  AND d.hops = (SELECT max(x.hops) FROM decisions x WHERE x.message = d.message)
  AND (d.hops > 0 OR EXISTS (SELECT 1 FROM outcomes o WHERE o.item = d.message
                             AND o.kind = 'resolved'))
"""
_FIRST_DEPARTMENTS = """
SELECT d.message, d.department FROM decisions d JOIN messages m ON m.id = d.message
WHERE m.received_ms >= :since AND d.hops = (SELECT min(x.hops) FROM decisions x
                                           WHERE x.message = d.message)
"""
_DECISIONS_IN_INCIDENTS = """
SELECT d.message, d.decided_ms, d.body FROM decisions d JOIN messages m ON m.id = d.message
WHERE m.received_ms >= :since AND d.hops = 0 AND d.body LIKE '%"incident":"%'
"""


class _IncidentRef(Record, frozen=True, kw_only=True):
    incident: str | None = None


class _LabelledLine(Record, frozen=True, kw_only=True):
    text: str
    label: str


class RecordedTraffic:
    """The traffic recorded since a time, or all of it without one."""

    def __init__(self, connection: Connection, since: datetime | None) -> None:
        self._connection = connection
        self._since = {"since": int(since.timestamp() * 1000) if since else -(2**62)}

    def count(self) -> int:
        """Return the number of messages."""
        return int(self._connection.execute(text(_COUNT), self._since).scalar() or 0)

    def events(self) -> Iterator[Message | Outcome]:
        """Yield messages and people's outcomes, the oldest first; a message before an outcome."""
        streamed = self._connection.execution_options(stream_results=True, yield_per=500)
        messages = (
            (received_ms, 0, msgspec.json.decode(body, type=Message))
            for received_ms, body in streamed.execute(text(_MESSAGES), self._since)
        )
        outcomes = (
            (at_ms, 1, msgspec.json.decode(body, type=Outcome))
            for at_ms, body in streamed.execute(text(_OUTCOMES), self._since)
        )
        merged: Iterator[tuple[int, int, Message | Outcome]]
        merged = heapq.merge(messages, outcomes, key=lambda entry: (entry[0], entry[1]))
        for _, _, event in merged:
            yield event

    def chosen_departments(self) -> dict[str, str]:
        """Map messages to the departments to which people moved them, or that resolved them."""
        return self._by_message(_PEOPLES_DEPARTMENTS, triage=TRIAGE)

    def first_departments(self) -> dict[str, str]:
        """Map each message to the department of its first decision."""
        return self._by_message(_FIRST_DEPARTMENTS)

    def incidents(self) -> dict[str, Incident]:
        """Map messages to their incidents, as the router knew them at the decision."""
        by_message: dict[str, Incident] = {}
        records: dict[str, list[Incident]] = {}
        for message, decided_ms, body in self._connection.execute(
            text(_DECISIONS_IN_INCIDENTS), self._since
        ):
            identifier = msgspec.json.decode(body, type=_IncidentRef).incident
            if identifier is None:
                continue
            if identifier not in records:
                records[identifier] = history(self._connection, identifier)
            earlier = [r for r in records[identifier] if r.at.timestamp() * 1000 <= decided_ms]
            incident = fold_records(earlier or records[identifier][:1]).get(identifier)
            if incident is not None:
                by_message[str(message)] = incident
        return by_message

    def _by_message(self, sql: str, **more: str) -> dict[str, str]:
        rows = self._connection.execute(text(sql), {**self._since, **more})
        return {str(message): str(department) for message, department in rows}


@contextmanager
def open_traffic(settings: Settings, since: datetime | None = None) -> Iterator[RecordedTraffic]:
    """Yield the traffic of a store that is open for reading only."""
    engine = store.engine(settings.store_url, read_only=True)
    try:
        with engine.connect() as connection:
            yield RecordedTraffic(connection, since)
    finally:
        engine.dispose()


def labelled_lines(settings: Settings) -> Iterator[bytes]:
    """Yield a JSON line of `text` and `label` for each message that people checked, oldest first.

    People checked a message if they moved it or resolved its item in its department. Messages that
    nobody checked are not used.
    """
    with open_traffic(settings) as traffic:
        departments = traffic.chosen_departments()
        for event in traffic.events():
            if isinstance(event, Message) and event.id in departments:
                line = _LabelledLine(text=event.decided_text, label=departments[event.id])
                yield msgspec.json.encode(line)
