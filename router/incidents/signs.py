"""The signs of an incident: the terms that most of its messages have and other messages lack. Pure.

bursts.py chooses signs for a new incident, and tracker.py chooses them again when it has grown.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from router.incidents.baseline import Baseline
from router.incidents.observation import Observation
from schemas.incident import Sign

_MAX_SIGNS = 10
_MIN_SIGN_SHARE = 0.25
"""A sign is in the messages of at least this share of the incident's customers."""

_MIN_SIGN_LIFT = 3.0
"""A sign is at least this many times as frequent as usual."""

_MIN_SIGN_CUSTOMERS = 3
_MAX_SIGN_WEIGHT = 5.0
"""The limit protects against one copied sentence, whose words nobody has written before."""

_MIN_NEEDED = 3.5
"""A match needs log-odds of at least 3.5 (33:1). With one message in ten belonging to the incident,
three in four matches at this bound are correct."""

_NEEDED_SHARE_OF_MEDIAN = 0.35
"""A match weighs at least this share of the median message of the incident."""

_TOLERATED_FALSE_MATCHES = 0.1
"""False matches among other messages of the time, per customer of the incident."""

_MIN_MATCHING_CUSTOMERS = 0.6
"""The signs must match this share of the incident's own customers; else they describe nothing."""


class SignSet(NamedTuple):
    """The signs of an incident, and the sum of weights that a message of it needs."""

    signs: tuple[Sign, ...]
    needed: float


def choose_signs(
    members: list[Observation],
    others: list[Observation],
    baseline: Baseline,
    min_customers: int,
) -> SignSet | None:
    """Return the signs that separate `members` from the usual messages and from `others`.

    Return None if they match fewer than `min_customers`, or too few of the members' customers.
    """
    if not members:
        return None
    customers = len({member.customer for member in members})
    signs = _weigh_terms(members, customers, baseline)
    weights = {sign.term: sign.weight for sign in signs}
    member_weights = _weigh_messages(members, weights)
    other_weights = sorted(_weigh_messages(others, weights), reverse=True)
    median = sorted(member_weights)[len(member_weights) // 2]
    needed = max(_MIN_NEEDED, median * _NEEDED_SHARE_OF_MEDIAN)
    tolerated = int(customers * _TOLERATED_FALSE_MATCHES)
    if len(other_weights) > tolerated:
        needed = max(needed, other_weights[tolerated] + 0.001)
    needed = round(needed, 3)
    matching = {
        member.customer
        for member, weight in zip(members, member_weights, strict=True)
        if weight >= needed
    }
    if len(matching) < max(min_customers, _MIN_MATCHING_CUSTOMERS * customers):
        return None
    return SignSet(signs, needed)


def _weigh_terms(
    members: list[Observation], customers: int, baseline: Baseline
) -> tuple[Sign, ...]:
    """Return the strongest signs among the terms of the members."""
    counts: Counter[str] = Counter()
    for terms in _terms_by_customer(members).values():
        counts.update(terms)
    signs = []
    for term, count in counts.items():
        share = count / customers
        lift = share / baseline.share(term)
        if count >= _MIN_SIGN_CUSTOMERS and share >= _MIN_SIGN_SHARE and lift >= _MIN_SIGN_LIFT:
            weight = round(min(math.log(lift), _MAX_SIGN_WEIGHT), 3)
            signs.append(Sign(term=term, word="", share=round(share, 3), weight=weight))
    signs.sort(key=lambda sign: (-sign.share * sign.weight, sign.term))
    return tuple(signs[:_MAX_SIGNS])


def _weigh_messages(observations: list[Observation], weights: dict[str, float]) -> list[float]:
    return [sum(weights.get(term, 0.0) for term in o.terms) for o in observations]


def _terms_by_customer(observations: Iterable[Observation]) -> dict[str, set[str]]:
    terms: dict[str, set[str]] = defaultdict(set)
    for observation in observations:
        terms[observation.customer].update(observation.terms)
    return terms
