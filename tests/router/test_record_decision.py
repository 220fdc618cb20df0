"""Records whose decision fails by a bug of ours, without a broker."""

import dataclasses
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from structlog.testing import capture_logs

from cli.offline.decisions import decide_lines
from router.decision import fault_decision
from router.decision.decide import decide_message
from router.decision.department_choice import IMPORTED
from router.decision.policy import Policy
from router.incidents.observation import Observation
from router.incidents.open_incidents import select_open
from router.incidents.tracker import IncidentTracker
from router.record_decision import FaultRuns, RecordResult, decide_record
from router.watch.state import WatchState
from runtime.settings.structs import Settings
from schemas import envelope
from schemas.decision import Decision, EncodedWorkItem, WorkItem
from schemas.errors import Rejected, Unavailable
from schemas.incident import Incident, Pulse
from schemas.message import Automatic, Event, Handle, Message, Party
from schemas.outcome import Outcome
from schemas.routing.departments import Department
from schemas.state.conversation import ConversationState, has_seen
from schemas.topics import RECORD_LIMIT
from tests.support.caught_bugs import count_caught_bugs
from tests.support.messages import NOW, message, policy
from tests.support.router.poisoned_policy import POISON, Component, poisoned_policy


@pytest.fixture(autouse=True)
def tracebacks() -> Iterator[None]:
    """Keep the tracebacks of poisoned components out of the output, because drawing them is slow."""
    with capture_logs():
        yield


def _decide(
    record: Message | Outcome, state: ConversationState | None, broken_policy: Policy | None = None
) -> RecordResult:
    return decide_record(record, lambda: state, broken_policy or poisoned_policy("rule"), NOW)


def _decoded(result: RecordResult) -> tuple[Decision, ConversationState | None, WorkItem | None]:
    """Return the decision and the item as their readers decode them, and the next state."""
    decision = envelope.decode(Decision, result.decision)
    item = None if result.item is None else envelope.decode(WorkItem, result.item)
    return decision, result.transition.state, item  # type: ignore[union-attr]  # it is a RoutingResult


def _after(text: str = "Faturam yanlış", **more: object) -> ConversationState:
    state = decide_message(message(text, **more), None, policy(), NOW).state
    assert state is not None
    return state


@pytest.mark.parametrize("component", ["rule", "pattern", "model"])
def test_a_message_that_meets_a_fault_is_in_triage_with_its_text(
    component: Component,
) -> None:
    before = count_caught_bugs("router")
    sent = message(f"{POISON} fatura")
    result = _decide(sent, None, poisoned_policy(component))
    decision, state, item = _decoded(result)
    assert result.faulted
    assert count_caught_bugs("router") == before + 1
    assert (decision.department, decision.action, decision.flags) == (
        "triage",
        "triage",
        ("router.bug",),
    )
    assert "hata" in decision.reasons[0].text_tr
    assert "fault in our system" in decision.reasons[0].text_en
    assert item is not None
    assert item.message == sent
    assert item.due.first_response > NOW
    assert state is not None
    assert (state.status, state.messages) == ("open", 1)
    assert has_seen(state, sent.id)


def test_santral_decide_sends_a_faulty_line_to_triage_and_decides_the_others() -> None:
    texts = ("Faturam yanlış", f"{POISON} fatura", "Kargom nerede?")
    lines = [msgspec.json.encode({"text": text}) for text in texts]
    decisions = list(decide_lines(lines, Settings(), poisoned_policy("rule")))
    assert [d.flags for d in decisions] == [(), ("router.bug",), ()]
    plain = list(decide_lines(lines, Settings(), policy()))
    assert (decisions[0], decisions[2]) == (plain[0], plain[2])


def test_a_repeat_of_a_faulty_message_is_dropped() -> None:
    sent = message(f"{POISON} fatura")
    state = _decide(sent, None).transition.state  # type: ignore[union-attr]  # it is a RoutingResult
    again = _decide(sent, state)
    assert not again.faulted
    assert again.transition.decision.action == "repeat"  # type: ignore[union-attr]  # as above
    result = fault_decision.triage_message(sent, state, policy(), NOW)
    assert (result.decision.action, result.state, result.item) == ("repeat", None, None)


def test_a_faulty_follow_up_keeps_the_department_and_the_priority_of_the_conversation() -> None:
    before_state = msgspec.structs.replace(_after(), priority=90, language="tr", hops=2)
    decision, state, item = _decoded(_decide(message(f"{POISON} fatura", native="2"), before_state))
    assert (decision.department, decision.priority, decision.language) == ("triage", 90, "tr")
    assert (decision.hops, item is not None) == (2, True)
    assert state is not None
    assert (state.department, state.messages, state.hops) == (before_state.department, 2, 2)


def test_a_stranger_in_a_conversation_is_still_flagged() -> None:
    before_state = _after(kind="mail")
    other = Party(handles=(Handle(kind="email", value="eve@ornek.example"),))
    sent = message(f"{POISON} fatura", native="2", kind="mail", sender=other)
    decision, state, _ = _decoded(_decide(sent, before_state))
    assert "new_participant" in decision.flags
    assert state is not None
    assert state.participants == before_state.participants


def test_machines_history_and_edits_open_no_work() -> None:
    machine = message(POISON, automatic=Automatic(kind="list", evidence="List-Id"))
    for sent in (machine, message(POISON, flags=(IMPORTED,))):
        decision, state, item = _decoded(_decide(sent, None))
        assert (decision.action, item) == ("automatic", None)
        assert "router.bug" in decision.flags
        assert state is not None
        assert state.status == "quiet"
    edit = message(POISON, native="2", event=Event(kind="edited", of="m"))
    assert _decoded(_decide(edit, None))[2] is None
    assert _decoded(_decide(edit, _after()))[2] is not None


def _move(kind: str = "rerouted") -> Outcome:
    decided = decide_message(message("Faturam yanlış"), None, policy(), NOW)
    assert decided.item is not None
    return Outcome(
        id="o1",
        kind=kind,
        brand="default",
        conversation=decided.decision.conversation,
        item="i",
        department="billing",
        to="technical",
        moved=decided.item,
        at=NOW,
    )


class _Raising(dict[str, Department]):
    """Departments that can't be looked up."""

    def __contains__(self, _key: object) -> bool:
        raise KeyError


def test_a_move_that_meets_a_fault_puts_the_item_into_triage() -> None:
    broken = dataclasses.replace(policy(), departments=_Raising())
    decision, state, item = _decoded(_decide(_move(), _after(), broken))
    assert (decision.department, decision.hops) == ("triage", 1)
    assert "router.bug" in decision.flags
    assert item is not None
    assert item.message.text == "Faturam yanlış"
    assert state is not None
    assert state.department == "triage"
    assert has_seen(state, "o1")


def test_another_outcome_that_meets_a_fault_changes_nothing() -> None:
    result = decide_record(
        msgspec.structs.replace(_move("resolved"), moved=None),
        lambda: cast("ConversationState", SimpleNamespace(seen=b"")),
        policy(),
        NOW,
    )
    assert result.faulted
    assert result.transition is None


def test_a_broken_state_puts_the_message_into_triage_but_a_foreign_partition_raises() -> None:
    def broken() -> ConversationState | None:
        raise msgspec.ValidationError("no state")

    def away() -> ConversationState | None:
        raise Unavailable("not ours")

    decision, state, _ = _decoded(decide_record(message("Faturam yanlış"), broken, policy(), NOW))
    assert (decision.department, decision.flags) == ("triage", ("router.bug",))
    assert state is not None
    with pytest.raises(Unavailable):
        decide_record(message("Faturam yanlış"), away, policy(), NOW)


def test_a_record_is_refused_only_if_triage_meets_a_fault_too() -> None:
    broken = dataclasses.replace(poisoned_policy("rule"), departments={})
    with pytest.raises(Rejected) as error:
        _decide(message(POISON), None, broken)
    assert error.value.code == "router.bug"


def test_faults_in_a_row_raise_one_alarm_and_stop_nothing() -> None:
    runs, partition = FaultRuns(3), ("messages.v1", 0)
    with capture_logs() as lines:
        for faulted in (True, True, False, True, True):
            runs.note(partition, faulted=faulted)
        runs.note(("messages.v1", 1), faulted=True)
        assert lines == []
        for _ in range(5):
            runs.note(partition, faulted=True)
    assert [(x["event"], x["partition"], x["bad"]) for x in lines] == [("router.faults", 0, 3)]


def test_a_broken_incident_does_not_affect_the_others() -> None:
    good = Incident(id="a", brand="b", status="opened", opened_at=NOW, at=NOW, title="t")
    bad = cast("Incident", SimpleNamespace(id="x"))
    before = count_caught_bugs("open_incidents")
    incidents = select_open({"x": bad, "a": good}, NOW)
    assert [i.id for i in incidents] == ["a"]
    assert count_caught_bugs("open_incidents") == before + 1


class _PoisonedIncidents:
    """Incidents that fail for one record, and note the others."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def _take(self, identifier: str) -> None:
        if identifier == POISON:
            raise KeyError(identifier)
        self.taken.append(identifier)

    def observe(self, observation: Observation) -> None:
        """Take one message."""
        self._take(observation.text.split()[0])

    def apply(self, record: Incident) -> None:
        """Take a record of people."""
        self._take(record.id)

    def restore(self, pulses: Sequence[Pulse], records: Sequence[Incident]) -> None:
        """Take the records from before the start."""
        for pulse in pulses:
            self._take(pulse.brand)
        for record in records:
            self._take(record.id)


def test_the_watch_continues_after_a_record_that_meets_a_fault() -> None:
    state, poisoned_incidents = WatchState(Settings()), _PoisonedIncidents()
    state.incidents = cast("IncidentTracker", poisoned_incidents)
    before = count_caught_bugs("watch")
    for text in ("iyi", POISON, "tamam"):
        item = decide_message(message(f"{text} fatura", native=text), None, policy(), NOW).item
        assert item is not None
        state.see_item(envelope.encode(item), ("queue.billing.v1", 0), NOW.timestamp())
        incident = Incident(
            id=text, brand="b", status="confirmed", title="t", opened_at=NOW, at=NOW, agent="ali"
        )
        state.apply_incident(envelope.encode(incident))
        state.remember([Pulse(brand=text, hour=NOW, messages=1)], [incident])
    state.count_decision(b"{", 0, 0)
    assert poisoned_incidents.taken == ["iyi"] * 4 + ["tamam"] * 4
    assert count_caught_bugs("watch") == before + 4


@pytest.mark.parametrize(
    "text", ["Faturam yanlış 😡", "selam", "I was charged twice: 4111111111111111"]
)
def test_an_item_made_of_encoded_parts_is_the_item_that_would_be_encoded(text: str) -> None:
    sent = message(text)
    encoded = decide_record(sent, lambda: None, policy(), NOW)
    joined = decide_record(sent, lambda: None, policy(), NOW, encoded=envelope.encode(sent))
    assert joined.item is not None
    assert (joined.item, joined.decision) == (encoded.item, encoded.decision)


def test_an_item_passes_on_what_a_newer_door_wrote() -> None:
    sent = message("Faturam yanlış")
    newer = envelope.encode(sent).removesuffix(b"}") + b',"mood":"calm"}'
    result = decide_record(sent, lambda: None, policy(), NOW, encoded=newer)
    assert result.item is not None
    assert b'"mood":"calm"' in result.item
    assert envelope.decode(WorkItem, result.item).message == sent


def test_a_message_too_long_for_an_item_goes_to_triage_cut_short() -> None:
    sent = message("Faturam yanlış")
    padded = b" " * (RECORD_LIMIT - 600) + envelope.encode(sent)
    result = decide_record(sent, lambda: None, policy(), NOW, encoded=padded)
    assert result.faulted
    decision, _, item = _decoded(result)
    assert decision.department == "triage"
    assert item is not None
    assert item.message.text == sent.text


def test_an_encoded_item_has_the_fields_of_an_item() -> None:
    encoded, decoded = map(msgspec.structs.fields, (EncodedWorkItem, WorkItem))
    assert [field.encode_name for field in encoded] == [field.encode_name for field in decoded]
