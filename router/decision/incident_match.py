"""Matches a message to an open incident by the signs of the incident. Pure.

The router asks which incident a message belongs to, and the watch asks the same of its own.
"""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.incident import Incident, Sign

_CALM_INTENTS = frozenset({"information", "thanks", "feedback"})
_MIN_SIGNS_WITHOUT_TROUBLE = 2
"""A message without a complaint may name a place or a product only to ask about it."""


class IncidentMatch(NamedTuple):
    """An incident that a message belongs to, the weight of its signs, and their terms."""

    incident: Incident
    score: float
    terms: tuple[str, ...]


def is_trouble(intent: str, sentiment: float, severity: int) -> bool:
    """Say whether a message may report that something went wrong.

    Questions about a campaign, thanks and praise open no incident, however many there are.
    """
    if severity or sentiment < 0:
        return True
    return intent not in _CALM_INTENTS and sentiment <= 0


def match_signs(
    terms: frozenset[str], troubled: bool, signs: Iterable[Sign], needed: float
) -> tuple[float, tuple[str, ...]] | None:
    """Return the weight and the terms of the signs in a message, None below the needed weight."""
    matching = [sign for sign in signs if sign.term in terms]
    score = sum(sign.weight for sign in matching)
    if not matching or score < needed:
        return None
    if not troubled and len(matching) < _MIN_SIGNS_WITHOUT_TROUBLE:
        return None
    return score, tuple(sign.term for sign in matching)


def match_incident(
    terms: frozenset[str], troubled: bool, incidents: Iterable[Incident]
) -> IncidentMatch | None:
    """Return the incident whose signs match best, None without a match."""
    best: IncidentMatch | None = None
    for incident in incidents:
        match = match_signs(terms, troubled, incident.signs, incident.needed)
        if match is not None and (best is None or match[0] > best.score):
            best = IncidentMatch(incident, *match)
    return best
