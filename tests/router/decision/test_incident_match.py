"""A message of an open incident carries it, is more urgent, and shows its evidence."""

from dataclasses import replace

import msgspec
import pytest

from router.decision.decide import decide_message
from router.decision.incident_match import match_incident
from router.text.terms import find_terms
from schemas.decision import Decision
from schemas.incident import Incident, Sign
from schemas.text.fold import fold
from tests.support.messages import NOW, message, policy
from tests.support.router.incidents import incident

OUTAGE = "Kadıköy'de internet yok"


def _decide(text: str, *incidents: Incident, **changes: object) -> Decision:
    """Return the decision on a text while these incidents are open."""
    with_incidents = replace(policy(), incidents=incidents, incident_points=(10, 20))
    return decide_message(message(text, **changes), None, with_incidents, NOW).decision


def test_a_message_of_an_incident_carries_it_and_is_more_urgent() -> None:
    plain, matched = _decide(OUTAGE), _decide(OUTAGE, incident())
    assert (plain.incident, matched.incident) == (None, "i1")
    assert matched.priority == plain.priority + 10
    confirmed = _decide(OUTAGE, incident(status="confirmed"))
    assert confirmed.priority == plain.priority + 20


def test_the_reason_names_the_incident_and_shows_the_signs_in_the_text() -> None:
    decision = _decide(OUTAGE, incident())
    (reason,) = [r for r in decision.reasons if r.id == "state.incident"]
    assert [e.text for e in reason.evidence] == ["Kadıköy", "internet"]
    assert "Kadıköy · internet" in reason.text_tr


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("Faturam yanlış", {}),
        ("Kadıköy mağazanız kaçta kapanıyor?", {}),
        (OUTAGE, {"brand": "other"}),
        (OUTAGE, {"flags": ("imported",)}),
    ],
    ids=["another subject", "a question", "another brand", "imported"],
)
def test_other_messages_do_not_match(text: str, changes: dict[str, object]) -> None:
    assert _decide(text, incident(), **changes).incident is None


def test_the_same_message_and_incidents_give_the_same_decision() -> None:
    incidents = incident("a"), incident("b", needed=3.0)
    first, second = (_decide("internet yok Kadıköy", *incidents) for _ in range(2))
    assert msgspec.json.encode(first) == msgspec.json.encode(second)


def test_the_evidence_masks_personal_numbers() -> None:
    signs = (Sign(term="6457", word="6457", share=0.9, weight=5.0),)
    text = "IBAN TR33 0006 1005 1978 6457 8413 26 yanlış"
    decision = _decide(text, incident(signs=signs))
    assert decision.incident == "i1"
    assert "6457" not in str([e.text for r in decision.reasons for e in r.evidence])


def test_a_town_alone_matches_only_with_a_complaint() -> None:
    town = find_terms(fold("Kadıköy"))
    assert match_incident(town, troubled=False, incidents=[incident()]) is None
    assert match_incident(town, troubled=True, incidents=[incident()]) is not None
    both = find_terms(fold("kadikoyde internet"))
    match = match_incident(both, troubled=False, incidents=[incident()])
    assert match is not None
    assert match.terms == ("kadik", "inter")
