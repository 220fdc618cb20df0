"""The state of a conversation: the ids that it remembers, and its end."""

from datetime import timedelta
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas import envelope
from schemas.state import conversation as states
from tests.support.messages import NOW, message
from tests.support.router.decisions import decide_default


@given(st.lists(st.uuids(), min_size=1, max_size=40, unique=True))
def test_a_state_knows_the_ids_that_it_has_seen_and_no_other(ids: list[UUID]) -> None:
    id_bytes = b""
    for identifier in ids[:-1]:
        id_bytes = states.remember(id_bytes, str(identifier))
    state = decide_default(message("x")).state
    assert state is not None
    state = msgspec.structs.replace(state, seen=id_bytes)
    assert all(states.has_seen(state, str(i)) for i in ids[:-1])
    assert not states.has_seen(state, str(ids[-1]))


def test_a_conversation_expires_after_its_time() -> None:
    state = decide_default(message("x")).state
    assert state is not None
    assert not states.expired(state, NOW + timedelta(days=89), timedelta(days=90))
    assert states.expired(state, NOW + timedelta(days=91), timedelta(days=90))


def test_a_state_of_an_earlier_version_is_resolved_by_one_outcome() -> None:
    state = decide_default(message("x")).state
    assert state is not None
    earlier = msgspec.json.encode(
        {k: v for k, v in msgspec.to_builtins(state).items() if k != "open"}
    )
    decoded = envelope.decode(states.ConversationState, earlier)
    assert decoded.open == ()
    assert decoded.unanswered_since == NOW
    resolved = states.closed(decoded, "o", [message("x").id], NOW)
    assert (resolved.status, resolved.unanswered_since) == ("resolved", None)


def test_a_state_names_a_bounded_number_of_open_messages() -> None:
    state = decide_default(message("x")).state
    assert state is not None
    for number in range(states.OPEN_LIMIT + 50):
        text = message("x", native=str(number + 10), received_at=NOW + timedelta(seconds=number))
        state = decide_default(text, state).state or state
    assert len(state.open) == states.OPEN_LIMIT
    assert state.unanswered_since == NOW, "the oldest message still waits"
    assert len(envelope.encode(state)) < 32 * 1024
