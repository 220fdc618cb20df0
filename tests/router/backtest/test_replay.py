"""A backtest compares two policies on the same traffic, each with its own conversations."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from router.backtest.replay import RecordedFacts, replay
from router.backtest.report import BacktestReport
from router.text.pack_compiler import compile_pack
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, policy
from tests.support.router.backtest import TEXTS, apply_event, candidate_policy, sent_after, traffic

MOVED = sent_after("4", TEXTS["4"], 4).id
"""The message that people moved from triage to sales."""


@pytest.fixture(scope="module")
def report() -> BacktestReport:
    """The report of the candidate on the traffic."""
    facts = RecordedFacts(people={MOVED: "sales"}, recorded={MOVED: "triage"})
    return replay(traffic(), policy(), candidate_policy(), facts)


def test_a_report_counts_the_changes(report: BacktestReport) -> None:
    assert (report.messages, report.changed, report.department_changed) == (6, 2, 1)
    assert (report.triage_before, report.triage_after) == (1, 0)
    assert (report.raised, report.lowered) == (1, 0)
    assert [(m.before, m.after, m.count) for m in report.moves] == [("triage", "sales", 1)]


def test_an_example_has_both_decisions_and_the_department_of_the_people(
    report: BacktestReport,
) -> None:
    example = next(e for e in report.examples if e.message == MOVED)
    assert (example.before.department, example.after.department) == ("triage", "sales")
    assert "x.tram" in example.after.reasons
    assert example.people == "sales"


def test_people_judge_both_sides(report: BacktestReport) -> None:
    assert report.judged is not None
    assert (report.judged.before, report.judged.after, report.judged.messages) == (0.0, 1.0, 1)
    (sales,) = [d for d in report.departments if d.department == "sales"]
    assert sales.lines == 1
    assert (sales.recall_before, sales.recall_after) == (0.0, 1.0)
    assert sales.precision_after == 1.0


def test_the_load_has_every_new_item(report: BacktestReport) -> None:
    assert sum(x.before for x in report.load) == sum(x.after for x in report.load) == 5


def test_a_report_counts_the_decisions_that_are_as_recorded(report: BacktestReport) -> None:
    assert report.as_recorded == 1


def test_a_report_counts_the_messages_of_each_rule(report: BacktestReport) -> None:
    firings = {f.rule: (f.before, f.after) for f in report.rules}
    assert firings["x.tram"] == (0, 1)
    assert firings["billing.invoice"] == (2, 2)
    assert firings["press.media"] == (0, 0)


def test_the_same_policy_changes_nothing() -> None:
    report = replay(traffic(), policy(), policy())
    assert (report.changed, report.examples) == (0, ())


def test_a_follow_up_goes_where_people_moved_its_conversation() -> None:
    *earlier, follow_up = traffic()
    assert isinstance(follow_up, Message)
    states: dict[str, ConversationState] = {}
    for event in earlier:
        apply_event(event, states, NOW)
    result = apply_event(follow_up, states, NOW)
    assert result is not None
    assert (result.decision.department, result.decision.action) == ("sales", "append")


def test_events_before_the_time_build_conversations_and_are_not_counted() -> None:
    follow_up = traffic()[-1]
    assert isinstance(follow_up, Message)
    report = replay(traffic(), policy(), candidate_policy(), since=follow_up.received_at)
    assert (report.messages, report.changed) == (1, 0)


def test_an_example_masks_personal_numbers() -> None:
    pack = policy().pack
    urgent = tuple(
        msgspec.structs.replace(r, priority=min(100, r.priority + 9)) for r in pack.rules
    )
    report = replay(traffic(), policy(), replace(policy(), pack=compile_pack("urgent", urgent)))
    assert report.examples
    assert b"TR330006100519786457841326" not in msgspec.json.encode(report)


def test_a_goodbye_adds_no_load_and_an_uncovered_message_keeps_its_conversation_open() -> None:
    first = sent_after("1", TEXTS["1"], 1)
    second = sent_after("2", TEXTS["1"], 2, root="1")
    covered = _resolved("o1", first, 3)
    states: dict[str, ConversationState] = {}
    for event in (first, second, covered):
        apply_event(event, states, NOW)
    (state,) = states.values()
    assert state.status == "open", "the second message still waits"
    rest = _resolved("o2", second, 4)
    goodbye = sent_after("3", "Çok teşekkürler, sorun çözüldü", 5, root="1")
    apply_event(rest, states, NOW)
    result = apply_event(goodbye, states, NOW)
    assert result is not None
    assert "closing" in result.decision.flags
    assert [state.status for state in states.values()] == ["resolved"]
    report = replay([first, second, covered, rest, goodbye], policy(), candidate_policy())
    assert report.messages == 3
    assert sum(load.before for load in report.load) == 1


def _resolved(identifier: str, message: Message, hours: int) -> Outcome:
    return Outcome(
        id=identifier,
        kind="resolved",
        brand="default",
        conversation=message.conversation,
        item=message.id,
        department="billing",
        messages=(message.id,),
        at=NOW + timedelta(hours=hours),
        agent="ali",
        by="person",
    )
