"""The work on an open conversation keeps its worst severity, its flags, and its words in triage."""

from router.decision.apply_outcome import apply_outcome
from router.decision.decide import RoutingResult
from schemas.outcome import Outcome
from schemas.state.conversation import MAX_WORDS_CHARS, ConversationState
from tests.support.messages import NOW, message, policy
from tests.support.router.decisions import decide_default, outcome_of

THREAT = "Tüketici hakem heyetine ve mahkemeye başvuracağım, avukatım sizi arayacak"


def _outcome(kind: str, result: RoutingResult, **changes: object) -> Outcome:
    return outcome_of(result.decision, kind, agent="ada", **changes)


def test_a_follow_up_has_the_worst_severity_of_the_open_messages() -> None:
    first = decide_default(message(THREAT))
    assert first.decision.severity == 2
    second = decide_default(message("Kimse cevap vermeyecek mi???", native="2"), first.state)
    assert second.decision.severity == 2
    assert second.item is not None
    assert second.item.decision.severity == 2
    third = decide_default(message("Alo", native="3"), second.state)
    assert third.decision.severity == 2


def test_a_resolved_conversation_begins_without_the_old_severity() -> None:
    first = decide_default(message(THREAT))
    resolved = apply_outcome(_outcome("resolved", first), first.state, policy().departments, NOW)
    assert isinstance(resolved, ConversationState)
    again = decide_default(message("Kargom nerede?", native="2"), resolved)
    assert again.decision.severity == 0


def test_a_follow_up_of_an_escalated_item_is_escalated() -> None:
    first = decide_default(message("Faturam yanlış"))
    escalated = _outcome("escalated", first, moved=first.item, to=first.decision.department)
    moved = apply_outcome(escalated, first.state, policy().departments, NOW)
    assert isinstance(moved, RoutingResult)
    second = decide_default(message("Bekliyorum", native="2"), moved.state)
    assert "escalated" in second.decision.flags
    again = decide_default(message("Alo", native="3"), second.state)
    assert "escalated" in again.decision.flags


def test_a_flag_that_describes_one_message_stays_with_it() -> None:
    first = decide_default(message("Faturam yanlış"))
    resolved = apply_outcome(_outcome("resolved", first), first.state, policy().departments, NOW)
    assert isinstance(resolved, ConversationState)
    again = decide_default(message("Yine yanlış", native="2"), resolved)
    assert "reopened" in again.decision.flags
    third = decide_default(message("Alo", native="3"), again.state)
    assert "reopened" not in third.decision.flags


UNCLEAR = "faturada internet ücreti"
"""Billing and technical are nearly as likely, so triage has it."""


def test_a_follow_up_of_triage_is_decided_with_all_words() -> None:
    first = decide_default(message(UNCLEAR))
    assert (first.decision.department, first.decision.action) == ("triage", "triage")
    second = decide_default(message("Kimse cevap vermeyecek mi???", native="2"), first.state)
    assert (second.decision.department, second.decision.action) == ("triage", "append")
    assert second.decision.guesses == first.decision.guesses
    assert second.decision.confidence == first.decision.confidence
    third = decide_default(message("faturam yanlış", native="3"), second.state)
    assert (third.decision.department, third.decision.action) == ("billing", "queue")
    assert "state.together" in {reason.id for reason in third.decision.reasons}
    assert third.state is not None
    assert (third.state.department, third.state.words) == ("billing", "")
    assert len(third.state.open) == 3


def test_what_people_moved_to_triage_stays_there() -> None:
    first = decide_default(message("Faturam yanlış"))
    moved = apply_outcome(
        _outcome("rerouted", first, moved=first.item, to="triage"),
        first.state,
        policy().departments,
        NOW,
    )
    assert isinstance(moved, RoutingResult)
    second = decide_default(message("Faturam yanlış geldi", native="2"), moved.state)
    assert second.decision.department == "triage"


def test_the_words_in_triage_are_masked_and_bounded_and_end_with_the_work() -> None:
    state = None
    for number in range(30):
        text = f"TR330006100519786457841326 {number} lütfen dönün, bekliyorum efendim"
        result = decide_default(message(text, native=str(number)), state)
        state = result.state
    assert state is not None
    assert state.department == "triage"
    assert len(state.words) == MAX_WORDS_CHARS
    assert "TR330006100519786457841326" not in state.words
    resolved = _outcome("resolved", result, messages=())
    after = apply_outcome(resolved, state, policy().departments, NOW)
    assert isinstance(after, ConversationState)
    assert after.words == ""
