"""Incidents in the store, and the verdicts of people on them.

A verdict goes to incidents.v1, where the watch, the router and replies/incident_reply.py read it.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC

import msgspec
from sqlalchemy import Connection, Row, text

from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from schemas import topics
from schemas.errors import Rejected
from schemas.http_api.bodies import IncidentOut, JudgeIn
from schemas.incident import (
    ENDED,
    Incident,
    Sign,
    Status,
    apply_record,
    fold_records,
    likely_same_cause,
)

_LIST_DAYS = 30
_OPEN_DAYS = 2
"""The page Live flow omits an open incident without a record for this long."""
_DAY_MS = 24 * 3600 * 1000
_MAX_RECORDS = 20_000
_MAX_MESSAGES = 200
_MAX_BARS = 60
"""More bars do not fit into the width of a page."""
_SPANS_S = (60, 300, 600, 900, 1800, 3600, 3 * 3600, 6 * 3600, 24 * 3600)
_LEAD_S = 3600
"""The course begins this long before the incident opened, so that its rise is visible."""

_FINAL = ("merged", "dismissed")
"""Statuses that are final, since people merged the incident or found that it is not one."""

VERBS: dict[str, Status] = {
    "confirm": "confirmed",
    "dismiss": "dismissed",
    "close": "closed",
    "merge": "merged",
    "answer": "answered",
}
"""The verdicts of people, and the status that each gives an incident."""

_decoder = msgspec.json.Decoder(Incident)


def _records(rows: Iterable[Row[str]]) -> list[Incident]:
    return [_decoder.decode(row[0]) for row in rows]


def incidents(
    connection: Connection, now_ms: int | None = None, max_records: int = _MAX_RECORDS
) -> list[Incident]:
    """Return the incidents of the last thirty days, open ones first, then the newest.

    Reads the newest `max_records` records.
    """
    since = (now_ms if now_ms is not None else int(time.time() * 1000)) - _LIST_DAYS * _DAY_MS
    rows = connection.execute(
        text("SELECT body FROM incidents WHERE at_ms >= :since ORDER BY at_ms DESC LIMIT :n"),
        {"since": since, "n": max_records},
    )
    recent = fold_records(reversed(_records(rows))).values()
    return sorted(recent, key=lambda i: (i.status in ENDED, -i.opened_at.timestamp(), i.id))


def open_now(connection: Connection, now_ms: int | None = None) -> list[Incident]:
    """Return the open incidents with a record in the last two days."""
    since = (now_ms if now_ms is not None else int(time.time() * 1000)) - _OPEN_DAYS * _DAY_MS
    rows = connection.execute(
        text("SELECT body FROM incidents WHERE at_ms >= :since ORDER BY at_ms"), {"since": since}
    )
    return [i for i in fold_records(_records(rows)).values() if i.status not in ENDED]


def history(connection: Connection, identifier: str) -> list[Incident]:
    """Return an incident's records in their order, or an empty list for an unknown one."""
    rows = connection.execute(
        text("SELECT body FROM incidents WHERE id = :id ORDER BY at_ms, status"),
        {"id": identifier},
    )
    return _records(rows)


def get(connection: Connection, identifier: str) -> Incident | None:
    """Return an incident after all of its records, or None for an unknown one."""
    return fold_records(history(connection, identifier)).get(identifier)


def merged_ids(connection: Connection, identifier: str) -> list[str]:
    """Return an incident's id and those of all that were merged into it."""
    children: defaultdict[str, list[str]] = defaultdict(list)
    rows = connection.execute(text("SELECT body FROM incidents WHERE status = 'merged'"))
    for record in _records(rows):
        children[record.merged_into or ""].append(record.id)
    ids, left = [], [identifier]
    while left:
        current = left.pop()
        if current not in ids:
            ids.append(current)
            left += children[current]
    return ids


def messages(connection: Connection, identifier: str, limit: int = _MAX_MESSAGES) -> list[str]:
    """Return the ids of an incident's messages and of those merged into it, the newest first."""
    newest: list[tuple[int, str]] = []
    for incident in merged_ids(connection, identifier):
        rows = connection.execute(
            text(
                "SELECT m.received_ms, m.id FROM incident_messages i JOIN messages m "
                "ON m.id = i.message WHERE i.incident = :id ORDER BY m.received_ms DESC LIMIT :n"
            ),
            {"id": incident, "n": limit},
        )
        newest += [(int(received_ms), str(message)) for received_ms, message in rows]
    newest.sort(reverse=True)
    return [message for _, message in newest[:limit]]


def get_with_messages(connection: Connection, identifier: str) -> IncidentOut | None:
    """Return an incident, its messages and its likely duplicates, or None for an unknown one."""
    incident = get(connection, identifier)
    if incident is None:
        return None
    candidates = mergeable(incident, incidents(connection))
    return IncidentOut(
        incident=incident,
        messages=tuple(messages(connection, identifier)),
        alike=tuple(other.id for other, _ in likely_duplicates(incident, candidates)),
    )


def mergeable(incident: Incident, others: Iterable[Incident]) -> list[Incident]:
    """Return the incidents into which people can merge one."""
    return [
        other
        for other in others
        if other.id != incident.id and other.brand == incident.brand and other.status not in _FINAL
    ]


def likely_duplicates(
    incident: Incident, others: Iterable[Incident]
) -> list[tuple[Incident, tuple[Sign, ...]]]:
    """Return the incidents that may have the same cause, with their common signs.

    An incident whose status is final has none.
    """
    return [] if incident.status in _FINAL else likely_same_cause(incident, others)


@dataclass(frozen=True, kw_only=True)
class Course:
    """The customers of an incident over time.

    `spans` are beginnings in seconds since 1970 in UTC, with the number of customers who wrote; a
    span lasts `seconds`, and usually `usual` customers write in one.
    """

    spans: list[tuple[int, int]]
    seconds: int
    usual: float


def course(connection: Connection, incident: Incident, now: float | None = None) -> Course:
    """Return an incident's customers by span, from an hour before it opened."""
    senders = _senders(connection, incident.id)
    times = [second for second, _ in senders]
    opened = int(incident.opened_at.timestamp())
    begin, last = min([opened - _LEAD_S, *times]), max([opened, *times])
    now = time.time() if now is None else now
    end = last if incident.status in ENDED else int(max(now, last))
    span = next((s for s in _SPANS_S if (end - begin) / s < _MAX_BARS), _SPANS_S[-1])
    by_span: defaultdict[int, set[str]] = defaultdict(set)
    for second, sender in senders:
        by_span[second // span].add(sender)
    spans = [(n * span, len(by_span[n])) for n in range(begin // span, end // span + 1)]
    return Course(spans=spans, seconds=span, usual=incident.usual * span / 3600)


def _senders(connection: Connection, identifier: str) -> list[tuple[int, str]]:
    """Return the second and the sender of each of an incident's messages."""
    senders: list[tuple[int, str]] = []
    for incident in merged_ids(connection, identifier):
        rows = connection.execute(
            text(
                "SELECT m.received_ms, m.sender FROM incident_messages i JOIN messages m "
                "ON m.id = i.message WHERE i.incident = :id ORDER BY m.received_ms LIMIT :n"
            ),
            {"id": incident, "n": _MAX_RECORDS},
        )
        senders += [(int(received_ms) // 1000, str(sender)) for received_ms, sender in rows]
    return senders


async def record_verdict(
    incident: Incident,
    verb: str,
    verdict: JudgeIn,
    others: Iterable[Incident],
    publisher: Publisher,
    clock: Clock,
) -> Incident:
    """Record a person's verdict and return the incident after it.

    Raises Rejected if the verdict does not fit the incident.
    """
    if verb == "answer" and not (verdict.text_tr.strip() or verdict.text_en.strip()):
        raise Rejected("json.invalid", "write a holding text - at `$.text_tr` or `$.text_en`")
    if incident.status == "merged":
        text = f"it was merged into {incident.merged_into}: send the verdict on that incident"
        raise Rejected("incident.ended", text)
    if verb == "merge":
        _check_merge(incident, verdict.into, {other.id: other for other in others})
    record = Incident(
        id=incident.id,
        brand=incident.brand,
        status=VERBS[verb],
        title=incident.title,
        opened_at=incident.opened_at,
        at=clock.now().astimezone(UTC),
        agent=verdict.agent,
        merged_into=verdict.into if verb == "merge" else None,
        text_tr=verdict.text_tr.strip(),
        text_en=verdict.text_en.strip(),
        later=verdict.later,
        customers=incident.customers,
    )
    await publisher.publish(topics.INCIDENTS, record, source="santral/console")
    return apply_record(incident, record)


def _check_merge(incident: Incident, into: str | None, others: dict[str, Incident]) -> None:
    """Raise Rejected if an incident can't be merged into another."""
    if into is None or into == incident.id or into not in others:
        raise Rejected("json.invalid", "name another incident - at `$.into`")
    target = others[into]
    if target.brand != incident.brand:
        raise Rejected("json.invalid", f"{into} belongs to the brand {target.brand} - at `$.into`")
    if target.status in _FINAL:
        raise Rejected("incident.ended", f"{into} was {target.status}")
