"""A goodbye in an answered or resolved conversation is kept and opens nothing."""

from datetime import timedelta

import msgspec
import pytest

from router.decision.apply_outcome import apply_outcome
from schemas.message import Attachment, Call, Event, Message
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, message, policy
from tests.support.router.decisions import decide_default, outcome_of

AN_HOUR_LATER = NOW + timedelta(hours=1)


def _state_after(kind: str | None) -> ConversationState:
    first = decide_default(message("Faturam yanlış"))
    assert first.state is not None
    if kind is None:
        return first.state
    outcome = outcome_of(first.decision, kind, agent="ada", by="person")
    after = apply_outcome(outcome, first.state, policy().departments, NOW)
    assert isinstance(after, ConversationState)
    return after


def _goodbye(text: str = "Çok teşekkürler, sorun çözüldü.", **changes: object) -> Message:
    return message(text, native="2", received_at=AN_HOUR_LATER, **changes)


@pytest.mark.parametrize("kind", ["resolved", "replied"])
def test_a_goodbye_is_kept_without_an_item_and_reopens_nothing(kind: str) -> None:
    state = _state_after(kind)
    result = decide_default(_goodbye(), state)
    assert (result.decision.action, result.decision.intent) == ("append", "thanks")
    assert "closing" in result.decision.flags
    assert "reopened" not in result.decision.flags
    assert "state.closing" in {reason.id for reason in result.decision.reasons}
    assert result.item is None
    after = result.state
    assert after is not None
    assert (after.status, after.open, after.unanswered_since) == (state.status, (), None)
    assert after.messages == state.messages + 1


def test_after_a_goodbye_the_next_message_reopens_the_conversation() -> None:
    result = decide_default(_goodbye(), _state_after("resolved"))
    again = decide_default(message("Yine yanlış geldi", native="3"), result.state)
    assert "reopened" in again.decision.flags
    assert again.item is not None


def test_thanks_in_a_conversation_that_nobody_answered_is_read_by_people() -> None:
    result = decide_default(_goodbye(), _state_after(None))
    assert "closing" not in result.decision.flags
    assert result.item is not None


def test_a_first_message_is_never_a_goodbye() -> None:
    result = decide_default(_goodbye())
    assert "closing" not in result.decision.flags
    assert result.item is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "Teşekkürler ama hâlâ gelmedi"},
        {"text": "Teşekkürler, ne zaman gelir?"},
        {"attachments": (Attachment(name="a.jpg", type="image/jpeg", size=1, sha256="0" * 64),)},
        {"call": Call()},
    ],
)
def test_a_message_with_anything_else_goes_to_people(changes: dict[str, object]) -> None:
    sent = msgspec.structs.replace(_goodbye(), **changes)
    result = decide_default(sent, _state_after("resolved"))
    assert "closing" not in result.decision.flags
    assert "reopened" in result.decision.flags
    assert result.item is not None


def test_an_edit_is_no_goodbye() -> None:
    edit = _goodbye(event=Event(kind="edited", of="m1"))
    assert "closing" not in decide_default(edit, _state_after("resolved")).decision.flags
