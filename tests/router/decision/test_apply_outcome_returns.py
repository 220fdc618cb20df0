"""An answer that could not be delivered brings its item back, once and with the reason."""

import pytest

from router.decision.apply_outcome import apply_outcome
from router.decision.decide import RoutingResult
from schemas.decision import WorkItem
from schemas.outcome import Outcome
from schemas.state import conversation as states
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, message, policy
from tests.support.router.decisions import decide_default, outcome_of
from workers.replies.returned_items import with_returned

WHY = "reply.refused: 550 mailbox is gone"


def _outcome(kind: str, work: WorkItem, identifier: str = "", **changes: object) -> Outcome:
    name = {"id": identifier} if identifier else {}
    return outcome_of(work.decision, kind, **name, **changes)


def _undeliverable(work: WorkItem, reply: str = "r1", identifier: str = "u1") -> Outcome:
    return with_returned(_outcome("undeliverable", work, identifier, reply=reply, reason=WHY), work)


def _apply(outcome: Outcome, state: ConversationState | None) -> RoutingResult | ConversationState:
    after = apply_outcome(outcome, state, policy().departments, NOW)
    assert after is not None
    return after


@pytest.fixture(name="work")
def work_item() -> WorkItem:
    """A message in the line of its department."""
    work = decide_default(message("Faturam yanlış")).item
    assert work is not None
    return work


@pytest.fixture
def resolved(work: WorkItem) -> ConversationState:
    """The state after an agent answered and resolved it."""
    state = decide_default(message("Faturam yanlış")).state
    for kind in ("replied", "resolved"):
        state = _state(_apply(_outcome(kind, work), state))
    assert state is not None
    assert state.status == "resolved"
    return state


def _state(after: RoutingResult | ConversationState) -> ConversationState:
    state = after.state if isinstance(after, RoutingResult) else after
    assert state is not None
    return state


def test_a_resolved_item_is_back_in_its_department_with_the_reason(
    work: WorkItem, resolved: ConversationState
) -> None:
    after = _apply(_undeliverable(work), resolved)
    assert isinstance(after, RoutingResult)
    assert after.item is not None
    assert after.item.message == work.message
    assert after.item.due == work.due
    decision = after.decision
    assert (decision.department, decision.hops, decision.action) == ("billing", 1, "queue")
    assert {"undeliverable", "reopened"} <= set(decision.flags)
    assert WHY in decision.reasons[-1].text_en
    assert WHY in decision.reasons[-1].text_tr
    state = _state(after)
    assert (state.status, state.unanswered_since) == ("open", work.message.received_at)


def test_an_answer_to_another_message_does_not_cover_the_one_that_came_back(
    work: WorkItem, resolved: ConversationState
) -> None:
    returned = _apply(_undeliverable(work), resolved)
    assert isinstance(returned, RoutingResult)
    assert returned.item is not None
    other = _outcome("replied", work, "other", messages=("another message",))
    answered = _state(_apply(other, _state(returned)))
    assert answered.unanswered_since == work.message.received_at
    closed = _state(_apply(_outcome("resolved", returned.item), answered))
    assert (closed.status, closed.unanswered_since) == ("resolved", None)


def test_a_second_bounce_of_the_same_reply_changes_nothing(
    work: WorkItem, resolved: ConversationState
) -> None:
    after = _state(_apply(_undeliverable(work), resolved))
    again = _undeliverable(work, identifier="u2")
    assert apply_outcome(again, after, policy().departments, NOW) is None


def test_two_lost_replies_to_one_item_bring_it_back_once(
    work: WorkItem, resolved: ConversationState
) -> None:
    after = _state(_apply(_undeliverable(work), resolved))
    other = _apply(_undeliverable(work, reply="r2", identifier="u2"), after)
    assert isinstance(other, ConversationState)
    assert other.status == "open"


def test_a_resolve_that_comes_later_does_not_count(work: WorkItem) -> None:
    state = decide_default(message("Faturam yanlış")).state
    after = _state(_apply(_undeliverable(work), state))
    assert apply_outcome(_outcome("resolved", work), after, policy().departments, NOW) is None
    assert after.status == "open"


def test_an_item_that_people_moved_stays_with_the_other_department(work: WorkItem) -> None:
    state = decide_default(message("Faturam yanlış")).state
    moved = _apply(_outcome("rerouted", work, moved=work, to="legal", reason="r"), state)
    after = _apply(_undeliverable(work), _state(moved))
    assert isinstance(after, ConversationState)
    assert after.department == "legal"


def test_an_item_that_always_comes_back_ends_in_triage(
    work: WorkItem, resolved: ConversationState
) -> None:
    state, item = resolved, work
    for number in range(states.HOP_LIMIT + 1):
        after = _apply(_undeliverable(item, f"r{number}", f"u{number}"), state)
        assert isinstance(after, RoutingResult)
        assert after.item is not None
        state, item = _state(after), after.item
    assert item.decision.department == "triage"
    assert "hop_limit" in item.decision.flags


def test_a_conversation_that_expired_meanwhile_comes_back_too(work: WorkItem) -> None:
    after = _apply(_undeliverable(work), None)
    assert isinstance(after, RoutingResult)
    assert after.decision.department == "billing"


def test_an_outcome_of_an_earlier_version_without_the_item_changes_nothing(
    work: WorkItem, resolved: ConversationState
) -> None:
    outcome = _outcome("undeliverable", work, reply="r1", reason=WHY)
    assert apply_outcome(outcome, resolved, policy().departments, NOW) is None
