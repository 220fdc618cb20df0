"""Incident and Pulse: what the watch sees over many messages, and what people make of it.

Before: the watch and the console write them. After: router, watch, store and console. An incident
is the sequence of its records; `now` folds them. Pure.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from schemas.base import Id, Record, Time, derived_id

Status = Literal["opened", "grown", "confirmed", "merged", "dismissed", "closed", "answered"]
"""What a record says: the watch opens, grows and closes; people confirm, merge, dismiss, close and
answer."""

LOOKED_BACK = timedelta(days=14)
"""So far back whoever follows incidents reads at its start: what is older is over."""

ENDED: frozenset[str] = frozenset({"merged", "dismissed", "closed"})

MOST_MESSAGES = 500
"""New members that one record names at most: 40 bytes each."""


_NEAR_S = 2 * 3600
_ALIKE = 0.8
"""One sign that four in five messages of both have, or several that fewer have."""


class Pulse(Record, frozen=True, kw_only=True):
    """One hour of one brand as the watch counted it: the usual, against which a burst stands out.

    `hour` is its beginning; `messages` are those that tell of trouble, incidents' own left out;
    `terms` says how many of them have a term (router/text/terms.py).
    """

    brand: str
    hour: Time
    messages: Annotated[int, msgspec.Meta(ge=0)] = 0
    terms: dict[str, int] = msgspec.field(default_factory=dict)


def pulse_id(pulse: Pulse) -> str:
    """Return the id of a pulse: an hour that is told again is the same."""
    return derived_id("pulse", pulse.brand, pulse.hour.isoformat())


class Sign(Record, frozen=True, kw_only=True):
    """One mark by which later messages are recognised: a term, the word as customers write it, the
    share of the incident's messages that have it, and its weight (how much likelier it is there
    than usual, as a natural logarithm)."""

    term: str
    word: str
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0
    weight: float = 0.0


class Incident(Record, frozen=True, kw_only=True):
    """Many customers, one cause, now.

    `customers` are distinct ones so far; `messages` those that this record adds, the record that
    opens it names the first; `writers` are short hashes of who wrote them. A message belongs to it
    when the weights of the signs it has reach `needed`. `usual` is how many customers an hour would
    have had the sign that set it off, `seconds` the span in which `customers` had it when it was
    opened. `at` is when the record was made, `opened_at` and `last_at` are times of messages.
    A person (`agent`) who merges it says into which; one who answers gives a holding text, sent to
    all of its customers, also to later ones when `later`.
    """

    id: Id
    brand: str
    status: Status
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


def after(known: Incident | None, record: Incident) -> Incident:
    """Return an incident after one more record: what people said stays, the watch adds.

    Who dismissed or merged it is not overruled by the watch, which may not have heard of it yet; a
    confirmed one stays confirmed while it grows. Opened again after it was closed, it is open.
    """
    if known is None:
        return record
    told = record.status
    if known.status in ("merged", "dismissed") and not record.agent:
        return msgspec.structs.replace(known, customers=max(known.customers, record.customers))
    if record.agent and told != "opened":
        # A person's record says only what they did.
        status = told if told != "answered" else known.status
        return msgspec.structs.replace(
            known,
            status=status,
            at=record.at,
            agent=record.agent,
            merged_into=record.merged_into if told == "merged" else known.merged_into,
            text_tr=record.text_tr if told == "answered" else known.text_tr,
            text_en=record.text_en if told == "answered" else known.text_en,
            later=record.later if told == "answered" else known.later,
        )
    if told == "grown" and known.status in ENDED:
        return known
    status = "confirmed" if known.status == "confirmed" and told == "grown" else told
    return msgspec.structs.replace(
        record,
        status=status,
        opened_at=known.opened_at,
        agent=known.agent,
        merged_into=known.merged_into,
        text_tr=known.text_tr,
        text_en=known.text_en,
        later=known.later,
        seconds=known.seconds,
        usual=known.usual,
        score=known.score,
        customers=max(known.customers, record.customers),
        messages=(),
        writers=(),
    )


def whole(incident: Incident | None, look: Callable[[str], Incident | None]) -> Incident | None:
    """Return an incident, or the one that it was merged into in the end; None when `look` does not
    know that one. Incidents merged in a circle are one of them."""
    seen: set[str] = set()
    while incident is not None and incident.status == "merged" and incident.id not in seen:
        seen.add(incident.id)
        incident = look(incident.merged_into or "")
    return incident


def alike(one: Incident, others: Iterable[Incident]) -> list[tuple[Incident, tuple[Sign, ...]]]:
    """Return the incidents that may have the same cause, the likeliest first, with the signs that
    both have: one cause told in two languages, or in other words, opens two of them.

    They came within two hours, and share a topic or words that most of their messages have. Two
    places without internet do so too: people say whether it is one.
    """
    made = []
    for other in others:
        apart = abs((one.opened_at - other.opened_at).total_seconds())
        if other.id == one.id or other.brand != one.brand or apart > _NEAR_S:
            continue
        theirs = {s.term: s for s in other.signs}
        shared = [s for s in one.signs if s.term in theirs]
        likeness = sum(min(s.share, theirs[s.term].share) for s in shared)
        if likeness >= _ALIKE:
            made.append((likeness, other, tuple(shared)))
    made.sort(key=lambda found: (-found[0], found[1].id))
    return [(other, shared) for _, other, shared in made]


def folded(records: Iterable[Incident]) -> dict[str, Incident]:
    """Return every incident as its records, in their order, leave it."""
    made: dict[str, Incident] = {}
    for record in records:
        made[record.id] = after(made.get(record.id), record)
    return made
