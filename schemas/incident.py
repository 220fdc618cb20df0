"""Incident and Pulse record what the watch sees over many messages, and what people do with it.

The watch and the console write them, and the router, the watch, the store and the console read
them. An incident is the sequence of its records, which `fold_records` folds. Pure.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated, Literal, get_args

import msgspec

from schemas.base import Id, Record, Time, derived_id, open_list

Status = Literal["opened", "grown", "confirmed", "merged", "dismissed", "closed", "answered"]
"""The step that a record adds. The watch opens, grows and closes an incident. People confirm,
merge, dismiss, close and answer it."""

STATUSES: frozenset[str] = frozenset(get_args(Status))
"""The steps that this version knows. A record with another one changes no incident."""

READ_BACK = timedelta(days=14)
"""How far back readers of incidents.v1 start; every older incident is over."""

ENDED: frozenset[str] = frozenset({"merged", "dismissed", "closed"})

MAX_NEW_MESSAGES = 500
"""Most new members that one record names, at 40 bytes each."""

_SAME_CAUSE_SPAN_S = 2 * 3600  # two incidents of one cause open within this time
_MIN_LIKENESS = 0.8
"""One sign that four in five messages of both incidents have, or several rarer signs."""


class Pulse(Record, frozen=True, kw_only=True):
    """One hour of one brand as the watch counted it, for the baseline that a burst exceeds.

    `hour` is its beginning. `messages` counts the complaints outside of incidents, and `terms` how
    many of them have each term (router/text/terms.py).
    """

    brand: str
    hour: Time
    messages: Annotated[int, msgspec.Meta(ge=0)] = 0
    terms: dict[str, int] = msgspec.field(default_factory=dict)


def pulse_id(pulse: Pulse) -> str:
    """Return the id of a pulse, which is the same when the watch counts the hour again."""
    return derived_id("pulse", pulse.brand, pulse.hour.isoformat())


class Sign(Record, frozen=True, kw_only=True):
    """A term by which later messages join the incident, and the word as customers write it.

    `share` is the share of the incident's messages that have it. `weight` says how much likelier it
    is in them than usual, as a natural logarithm.
    """

    term: str
    word: str
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    weight: float = 0.0


class Incident(Record, frozen=True, kw_only=True):
    """One record of an incident, in which many customers write about one cause at the same time.

    `customers` counts the distinct ones so far. `messages` are the members that this record adds,
    and `writers` the short hashes of their senders. A message belongs to the incident if the
    weights of its signs reach `needed`. `usual` is the usual number of customers an hour with the
    sign that opened it, and `seconds` the span of `customers` with that sign. `at` is the time
    of the record; `opened_at` and `last_at` are times of messages. A person (`agent`) merges it
    into `merged_into`, or answers with a holding text for all customers, and for later ones too if
    `later`.
    """

    id: Id
    brand: str
    status: Annotated[str, open_list(STATUSES)]
    title: str
    topics: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    customers: int = 0
    messages: tuple[Id, ...] = ()
    opened_at: Time
    at: Time
    merged_into: Id | None = None
    signs: tuple[Sign, ...] = ()
    needed: float = 0.0
    writers: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    usual: float = 0.0
    seconds: int = 0
    score: float = 0.0
    last_at: Time | None = None
    agent: str = ""
    text_tr: str = ""
    text_en: str = ""
    later: bool = False


def apply_record(incident: Incident | None, record: Incident) -> Incident:
    """Return an incident after one more record, whose status is one of STATUSES.

    The watch never overrides a person's dismissal or merge, which it may not have seen yet. A
    confirmed incident stays confirmed while it grows. A closed incident can open again.
    """
    if incident is None:
        return record
    step = record.status
    if incident.status in ("merged", "dismissed") and not record.agent:
        return msgspec.structs.replace(
            incident, customers=max(incident.customers, record.customers)
        )
    if record.agent and step != "opened":
        # A person's record has only the fields of their step.
        status = step if step != "answered" else incident.status
        return msgspec.structs.replace(
            incident,
            status=status,
            at=record.at,
            agent=record.agent,
            merged_into=record.merged_into if step == "merged" else incident.merged_into,
            text_tr=record.text_tr if step == "answered" else incident.text_tr,
            text_en=record.text_en if step == "answered" else incident.text_en,
            later=record.later if step == "answered" else incident.later,
        )
    if step == "grown" and incident.status in ENDED:
        return incident
    status = "confirmed" if incident.status == "confirmed" and step == "grown" else step
    return msgspec.structs.replace(
        record,
        status=status,
        opened_at=incident.opened_at,
        agent=incident.agent,
        merged_into=incident.merged_into,
        text_tr=incident.text_tr,
        text_en=incident.text_en,
        later=incident.later,
        seconds=incident.seconds,
        usual=incident.usual,
        score=incident.score,
        customers=max(incident.customers, record.customers),
        messages=(),
        writers=(),
    )


def resolve_merged(
    incident: Incident | None, find: Callable[[str], Incident | None]
) -> Incident | None:
    """Return an incident, or the one at the end of its merges, None if `find` does not have that.

    For incidents that people merged in a circle, return one of them.
    """
    passed: set[str] = set()
    while incident is not None and incident.status == "merged" and incident.id not in passed:
        passed.add(incident.id)
        incident = find(incident.merged_into or "")
    return incident


def likely_same_cause(
    incident: Incident, others: Iterable[Incident]
) -> list[tuple[Incident, tuple[Sign, ...]]]:
    """Return the incidents that may have the same cause, the likeliest first, with shared signs.

    A cause that customers describe in two languages can open two incidents. They open within two
    hours and share signs that most of their messages have. Outages in two towns look like that too,
    so people decide.
    """
    similar = []
    for other in others:
        apart = abs((incident.opened_at - other.opened_at).total_seconds())
        if other.id == incident.id or other.brand != incident.brand or apart > _SAME_CAUSE_SPAN_S:
            continue
        other_signs = {sign.term: sign for sign in other.signs}
        shared = [sign for sign in incident.signs if sign.term in other_signs]
        likeness = sum(min(sign.share, other_signs[sign.term].share) for sign in shared)
        if likeness >= _MIN_LIKENESS:
            similar.append((likeness, other, tuple(shared)))
    similar.sort(key=lambda entry: (-entry[0], entry[1].id))
    return [(other, shared) for _, other, shared in similar]


def fold_records(records: Iterable[Incident]) -> dict[str, Incident]:
    """Return every incident by its id, after all of its records in their order.

    A record with an unknown status changes nothing.
    """
    incidents: dict[str, Incident] = {}
    for record in records:
        if record.status not in STATUSES:
            continue
        incidents[record.id] = apply_record(incidents.get(record.id), record)
    return incidents
