"""Incidents as people see them and act on them: list, picture, confirm, dismiss, close, merge,
answer.

Before: the recorder wrote incidents.v1 to the store. After: the Incidents page and the API read
here; what a person says goes to incidents.v1, from where watch, router and
replies/incident_reply.py take it.
"""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
from sqlalchemy import Connection, text

from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from schemas import topics
from schemas.errors import Rejected
from schemas.http_api.bodies import IncidentOut, JudgeIn
from schemas.incident import ENDED, Incident, Sign, Status, after, alike, folded

_DAYS = 30
_DAY_MS = 24 * 3600 * 1000
_MOST = 20_000
_SHOWN = 200
_BARS = 60
_SPANS_S = (60, 300, 600, 900, 1800, 3600, 3 * 3600, 6 * 3600, 24 * 3600)
_BEFORE_S = 3600

_SETTLED = ("merged", "dismissed")
"""What people have said no more is to be said of: it is part of another one, or none."""

VERBS: dict[str, Status] = {
    "confirm": "confirmed",
    "dismiss": "dismissed",
    "close": "closed",
    "merge": "merged",
    "answer": "answered",
}
"""What people can do with an incident, and what its record says then."""
assert set(VERBS.values()) <= set(get_args(Status))

_decoder = msgspec.json.Decoder(Incident)


def _records(rows: Iterable[Any]) -> list[Incident]:
    return [_decoder.decode(row[0]) for row in rows]


def incidents(
    connection: Connection, now_ms: int | None = None, most: int = _MOST
) -> list[Incident]:
    """Return the incidents of the last thirty days, open ones first, then the newest; as far as
    the newest `most` records tell of them."""
    since = (now_ms if now_ms is not None else int(time.time() * 1000)) - _DAYS * _DAY_MS
    rows = connection.execute(
        text("SELECT body FROM incidents WHERE at_ms >= :since ORDER BY at_ms DESC LIMIT :most"),
        {"since": since, "most": most},
    )
    found = folded(reversed(_records(rows))).values()
    return sorted(found, key=lambda i: (i.status in ENDED, -i.opened_at.timestamp(), i.id))


def open_now(connection: Connection, now_ms: int | None = None) -> list[Incident]:
    """Return the incidents that are open, as far as something was said of them in two days."""
    since = (now_ms if now_ms is not None else int(time.time() * 1000)) - 2 * _DAY_MS
    rows = connection.execute(
        text("SELECT body FROM incidents WHERE at_ms >= :since ORDER BY at_ms"), {"since": since}
    )
    return [i for i in folded(_records(rows)).values() if i.status not in ENDED]


def history(connection: Connection, identifier: str) -> list[Incident]:
    """Return an incident's records in their order; none when there is no such incident."""
    rows = connection.execute(
        text("SELECT body FROM incidents WHERE id = :id ORDER BY at_ms, status"),
        {"id": identifier},
    )
    return _records(rows)


def known(connection: Connection, identifier: str) -> Incident | None:
    """Return an incident as its records leave it; None when there is no such incident."""
    return folded(history(connection, identifier)).get(identifier)


def parts(connection: Connection, identifier: str) -> list[str]:
    """Return an incident's id and those of all that were merged into it."""
    into: defaultdict[str, list[str]] = defaultdict(list)
    rows = connection.execute(text("SELECT body FROM incidents WHERE status = 'merged'"))
    for record in _records(rows):
        into[record.merged_into or ""].append(record.id)
    made, left = [], [identifier]
    while left:
        one = left.pop()
        if one not in made:
            made.append(one)
            left += into[one]
    return made


def messages(connection: Connection, identifier: str, most: int = _SHOWN) -> list[str]:
    """Return the ids of an incident's messages, those of merged ones too, the newest first."""
    found: list[tuple[int, str]] = []
    for one in parts(connection, identifier):
        rows = connection.execute(
            text(
                "SELECT m.received_ms, m.id FROM incident_messages i JOIN messages m "
                "ON m.id = i.message WHERE i.incident = :id ORDER BY m.received_ms DESC LIMIT :n"
            ),
            {"id": one, "n": most},
        )
        found += [(int(at), str(name)) for at, name in rows]
    found.sort(reverse=True)
    return [name for _, name in found[:most]]


def shown(connection: Connection, identifier: str) -> IncidentOut | None:
    """Return an incident and its messages; None when there is no such incident."""
    found = known(connection, identifier)
    if found is None:
        return None
    return IncidentOut(
        incident=found,
        messages=tuple(messages(connection, identifier)),
        alike=tuple(other.id for other, _ in same(found, mergeable(found, incidents(connection)))),
    )


def mergeable(one: Incident, known: Iterable[Incident]) -> list[Incident]:
    """Return the incidents that one can be merged into."""
    return [
        i for i in known if i.id != one.id and i.brand == one.brand and i.status not in _SETTLED
    ]


def same(one: Incident, others: Iterable[Incident]) -> list[tuple[Incident, tuple[Sign, ...]]]:
    """Return which others may have its cause, with the signs that both have; none of what people
    settled."""
    return [] if one.status in _SETTLED else alike(one, others)


@dataclass(frozen=True, kw_only=True)
class Course:
    """How an incident went: customers in each span (its beginning in seconds since 1970, UTC), the
    span's seconds, and how many customers a span usually has."""

    spans: list[tuple[int, int]]
    seconds: int
    usual: float


def course(connection: Connection, known: Incident, now: float | None = None) -> Course:
    """Return how many customers an incident had in each span, from an hour before it was found."""
    at = time.time() if now is None else now
    wrote: list[tuple[int, str]] = []
    for one in parts(connection, known.id):
        rows = connection.execute(
            text(
                "SELECT m.received_ms, m.sender FROM incident_messages i JOIN messages m "
                "ON m.id = i.message WHERE i.incident = :id ORDER BY m.received_ms LIMIT :n"
            ),
            {"id": one, "n": _MOST},
        )
        wrote += [(int(ms) // 1000, str(who)) for ms, who in rows]
    begin = min([int(known.opened_at.timestamp()) - _BEFORE_S, *(s for s, _ in wrote)])
    last = max([int(known.opened_at.timestamp()), *(s for s, _ in wrote)])
    end = last if known.status in ENDED else int(max(at, last))
    span = next((s for s in _SPANS_S if (end - begin) / s < _BARS), _SPANS_S[-1])
    seen: defaultdict[int, set[str]] = defaultdict(set)
    for second, who in wrote:
        seen[second // span].add(who)
    spans = [(n * span, len(seen[n])) for n in range(begin // span, end // span + 1)]
    return Course(spans=spans, seconds=span, usual=known.usual * span / 3600)


async def judge(
    known: Incident,
    verb: str,
    asked: JudgeIn,
    others: Iterable[Incident],
    publisher: Publisher,
    clock: Clock,
) -> Incident:
    """Write down what a person says of an incident; raise Rejected when it makes no sense."""
    if verb == "answer" and not (asked.text_tr.strip() or asked.text_en.strip()):
        raise Rejected("json.invalid", "write a holding text - at `$.text_tr` or `$.text_en`")
    if known.status == "merged":
        raise Rejected("incident.ended", f"it is part of {known.merged_into}: say it of that one")
    if verb == "merge":
        _mergeable(known, asked.into, {i.id: i for i in others})
    record = Incident(
        id=known.id,
        brand=known.brand,
        status=VERBS[verb],
        title=known.title,
        opened_at=known.opened_at,
        at=clock.now().astimezone(UTC),
        agent=asked.agent,
        merged_into=asked.into if verb == "merge" else None,
        text_tr=asked.text_tr.strip(),
        text_en=asked.text_en.strip(),
        later=asked.later,
        customers=known.customers,
    )
    await publisher.publish(topics.INCIDENTS, record, source="santral/console")
    return after(known, record)


def _mergeable(known: Incident, into: str | None, others: dict[str, Incident]) -> None:
    if into is None or into == known.id or into not in others:
        raise Rejected("json.invalid", "say into which other incident - at `$.into`")
    target = others[into]
    if target.brand != known.brand:
        raise Rejected("json.invalid", f"{into} is of the brand {target.brand} - at `$.into`")
    if target.status in ("merged", "dismissed"):
        raise Rejected("incident.ended", f"{into} was {target.status}")


def instant(seconds: int) -> datetime:
    """Return a time of a course."""
    return datetime.fromtimestamp(seconds, UTC)
