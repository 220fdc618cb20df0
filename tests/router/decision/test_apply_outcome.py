"""People's outcomes: items that move, conversations that close and reopen, and agents who collide."""

from datetime import timedelta

import pytest

from router.decision.apply_outcome import apply_outcome
from router.decision.decide import RoutingResult
from router.record_decision import decide_record
from schemas.decision import WorkItem
from schemas.outcome import Outcome
from schemas.state import conversation as states
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, message, policy
from tests.support.router.decisions import decide_default, outcome_of


def _outcome(kind: str, item: WorkItem, **changes: object) -> Outcome:
    identifier = f"{kind}-{item.decision.hops}-{changes.get('to')}"
    return outcome_of(item.decision, kind, **({"id": identifier} | changes))


def _moved(before: RoutingResult, to: str, kind: str = "rerouted") -> RoutingResult:
    assert before.item is not None
    outcome = _outcome(
        kind, before.item, to=to, moved=before.item, reason="yanlış bölüm", agent="a"
    )
    after = apply_outcome(outcome, before.state, policy().departments, NOW)
    assert isinstance(after, RoutingResult)
    assert apply_outcome(outcome, after.state, policy().departments, NOW) is None, (
        "the same outcome again changes nothing"
    )
    return after


def test_reroute_moves_the_item_one_hop_with_the_reason() -> None:
    after = _moved(decide_default(message("Faturam yanlış")), "legal")
    assert after.item is not None
    assert (after.decision.department, after.decision.hops) == ("legal", 1)
    assert after.decision.reasons[-1].id == "people.rerouted"
    follow = decide_default(message("peki", native="9"), after.state)
    assert follow.decision.department == "legal"


def test_too_many_hops_end_in_triage() -> None:
    result = decide_default(message("Faturam yanlış"))
    for number in range(states.HOP_LIMIT + 1):
        result = _moved(result, ("legal", "billing")[number % 2])
    assert result.decision.department == "triage"
    assert "hop_limit" in result.decision.flags


def test_a_message_that_the_agent_was_not_shown_keeps_the_conversation_open() -> None:
    first = decide_default(message("Faturam yanlış"))
    assert first.item is not None
    later = NOW + timedelta(hours=1)
    second = decide_default(message("Bir de iadem var", native="2", received_at=later), first.state)
    resolved = _outcome("resolved", first.item, messages=(first.item.message.id,))
    after = apply_outcome(resolved, second.state, policy().departments, NOW)
    assert isinstance(after, ConversationState)
    assert (after.status, after.unanswered_since) == ("open", later)
    third = decide_default(message("Alo?", native="3", received_at=later), after)
    assert "reopened" not in third.decision.flags
    assert second.item is not None
    assert third.item is not None
    rest = [second.item.message.id, third.item.message.id]
    done = _outcome("resolved", second.item, id="rest", messages=tuple(rest))
    end = apply_outcome(done, third.state, policy().departments, NOW)
    assert isinstance(end, ConversationState)
    assert (end.status, end.open, end.unanswered_since) == ("resolved", (), None)


def test_an_answer_covers_only_its_messages_and_the_waiting_counts_from_the_oldest_other() -> None:
    first = decide_default(message("Faturam yanlış"))
    assert first.item is not None
    second_at = NOW + timedelta(hours=20)
    second = decide_default(message("Bir de iadem", native="2", received_at=second_at), first.state)
    after = apply_outcome(
        _outcome("replied", first.item), second.state, policy().departments, second_at
    )
    assert isinstance(after, ConversationState)
    assert after.unanswered_since == second_at
    soon = message("Alo?", native="3", received_at=NOW + timedelta(hours=22))
    late = message("Alo?", native="4", received_at=NOW + timedelta(hours=50))
    assert "state.waiting" not in {r.id for r in decide_default(soon, after).decision.reasons}
    assert "state.waiting" in {r.id for r in decide_default(late, after).decision.reasons}


@pytest.mark.parametrize(
    "changes",
    [
        {"by": "holding"},
        {"by": "acknowledgement"},
        {"by": "of_tomorrow"},
        {"reason": "incident i1"},
    ],
)
def test_a_text_that_no_person_wrote_leaves_the_customer_waiting(changes: dict[str, str]) -> None:
    first = decide_default(message("Faturam yanlış"))
    assert first.item is not None
    outcome = _outcome("replied", first.item, **changes)
    assert apply_outcome(outcome, first.state, policy().departments, NOW) is None
    person = apply_outcome(
        _outcome("replied", first.item, by="person"), first.state, policy().departments, NOW
    )
    assert isinstance(person, ConversationState)
    assert person.unanswered_since is None


def test_messages_that_another_agent_moved_stay_open() -> None:
    first = decide_default(message("Faturam yanlış"))
    second = decide_default(message("Ek", native="2"), first.state)
    moved = _moved(
        RoutingResult(decision=first.decision, state=second.state, item=first.item), "legal"
    )
    assert first.item is not None
    assert second.item is not None
    both = (first.item.message.id, second.item.message.id)
    resolved = _outcome("resolved", second.item, messages=both, message_hops=(0, 0))
    after = apply_outcome(resolved, moved.state, policy().departments, NOW)
    assert isinstance(after, ConversationState)
    assert after.status == "open"
    assert [m.id for m in after.open] == [states.id_digest(both[0]).hex()]


def test_escalation_raises_the_priority() -> None:
    first = decide_default(message("Faturam yanlış"))
    after = _moved(first, "billing", "escalated")
    assert after.decision.priority > first.decision.priority
    assert "escalated" in after.decision.flags


def test_a_resolved_conversation_reopens_with_the_next_message() -> None:
    first = decide_default(message("Faturam yanlış"))
    assert first.item is not None
    after = apply_outcome(_outcome("resolved", first.item), first.state, policy().departments, NOW)
    assert isinstance(after, ConversationState)
    assert after.status == "resolved"
    again = decide_default(message("Hâlâ yanlış!", native="2"), after)
    assert "reopened" in again.decision.flags
    assert again.state is not None
    assert again.state.status == "open"


@pytest.mark.parametrize("rival", ["resolved", "rerouted", "escalated"])
def test_no_other_agent_closes_a_message_that_one_agent_moved(rival: str) -> None:
    first = decide_default(message("Faturam yanlış"))
    assert first.item is not None
    state = _moved(first, "legal").state
    late = _outcome(rival, first.item, to="sales", moved=first.item, agent="b")
    assert apply_outcome(late, state, policy().departments, NOW) is None
    result = decide_record(late, lambda: state, policy(), NOW)
    assert (result.transition, result.item) == (None, None)


def test_no_other_agent_moves_a_message_that_one_agent_resolved() -> None:
    first = decide_default(message("Faturam yanlış"))
    assert first.item is not None
    state = apply_outcome(_outcome("resolved", first.item), first.state, policy().departments, NOW)
    assert isinstance(state, ConversationState)
    late = _outcome("rerouted", first.item, to="legal", moved=first.item)
    assert apply_outcome(late, state, policy().departments, NOW) is None


def test_resolving_the_rest_leaves_a_moved_message_open() -> None:
    first = decide_default(message("Faturam yanlış"))
    follow = decide_default(message("peki", native="9"), first.state)
    assert first.item is not None
    assert follow.item is not None
    moved = _outcome("rerouted", first.item, to="legal", moved=first.item)
    after = apply_outcome(moved, follow.state, policy().departments, NOW)
    assert isinstance(after, RoutingResult)
    ids = (first.item.message.id, follow.item.message.id)
    state = apply_outcome(
        _outcome("resolved", first.item, messages=ids), after.state, policy().departments, NOW
    )
    assert isinstance(state, ConversationState)
    assert state.status == "open"
    late = _outcome("rerouted", follow.item, to="sales", moved=follow.item)
    assert apply_outcome(late, state, policy().departments, NOW) is None


def test_each_message_of_a_conversation_is_closed_at_its_own_hops() -> None:
    first = decide_default(message("Faturam yanlış"))
    moved = _moved(first, "legal")
    assert moved.item is not None
    assert moved.state is not None
    follow = decide_default(message("peki", native="9"), moved.state)
    assert follow.item is not None
    ids = (moved.item.message.id, follow.item.message.id)
    outcome = _outcome("resolved", moved.item, messages=ids, message_hops=(1, 0))
    state = apply_outcome(outcome, follow.state, policy().departments, NOW)
    assert isinstance(state, ConversationState)
    assert states.has_seen(state, states.closing_key(ids[1], 0))
    assert not states.has_seen(state, states.closing_key(ids[1], 1))


def test_an_outcome_of_an_unknown_conversation_changes_nothing() -> None:
    first = decide_default(message("Faturam yanlış"))
    assert first.item is not None
    assert apply_outcome(_outcome("resolved", first.item), None, policy().departments, NOW) is None
