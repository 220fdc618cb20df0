"""Every reader takes a record with words and fields that a later version of Santral has added.

In a rolling upgrade the old readers meet the new writers' records. They pass over an unknown word,
count it, and lose no message for it.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from structlog.testing import capture_logs

from router.backtest.replay import replay
from router.decision.decide import decide_message
from router.record_decision import decide_record
from router.watch.state import WatchState
from runtime import metrics
from runtime.settings.structs import Settings
from runtime.unknown_words import is_known
from schemas import envelope, topics
from schemas.base import Record
from schemas.decision import Decision, WorkItem
from schemas.incident import Incident, apply_record, fold_records
from schemas.message import Message
from schemas.outcome import Outcome, Reply, closed_messages
from schemas.state.conversation import ConversationState
from schemas.state.delivery import ReplyDelivery, fold
from schemas.state.waiting import waiting_key
from schemas.text.masking import mask_json
from schemas.topics import AnyTopic
from tests.support.future_records import (
    FIELD,
    MESSAGE,
    NOW,
    PARTS,
    RECORDS,
    WORD,
    closed_lists,
    future_value,
)
from tests.support.messages import policy
from workers.console.texts import LANGUAGES, Texts
from workers.desk.closing import first_closings
from workers.desk_feed.open_items import WaitingFold
from workers.recorder.rows import Rows, add_record, fit_columns
from workers.replies.acknowledge import acknowledgement_address
from workers.replies.checks import check_reply_allowed, choose_answerable

TOPICS = topics.all_topics(("billing",))
RECORDED = (
    topics.MESSAGES,
    topics.DECISIONS,
    topics.OUTCOMES,
    topics.DEAD,
    topics.INCIDENTS,
    topics.LINKS,
)


def _future(topic: AnyTopic) -> bytes:
    return future_value(RECORDS[topic.name])


def _count(topic: AnyTopic) -> float:
    labels = {"topic": topic.name}
    return metrics.REGISTRY.get_sample_value("santral_words_unknown_total", labels) or 0.0


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_no_field_of_a_record_refuses_a_word(topic: AnyTopic) -> None:
    assert closed_lists(topic) == []


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_record_of_tomorrow_decodes_and_its_own_word_is_counted(topic: AnyTopic) -> None:
    assert topic.is_known(RECORDS[topic.name])
    value = _future(topic)
    assert FIELD.encode() in value
    record = envelope.decode(topic.struct, value)
    before = _count(topic)
    assert is_known(topic, record) == (f'"{WORD}"'.encode() not in value)
    assert _count(topic) - before == (f'"{WORD}"'.encode() in value)


@pytest.mark.parametrize("record", PARTS, ids=lambda record: type(record).__name__)
def test_a_part_of_a_message_takes_a_word_of_tomorrow(record: Record) -> None:
    value = future_value(record)
    assert WORD.encode() in value
    assert envelope.decode(type(record), value) is not None


def test_the_router_routes_a_message_of_a_kind_that_it_does_not_know() -> None:
    value = _future(topics.MESSAGES)
    message = envelope.decode(Message, value)
    result = decide_record(message, lambda: None, policy(), NOW, encoded=value)
    assert not result.faulted
    item = envelope.decode(WorkItem, result.item)
    assert (item.decision.department, item.message.kind) == ("billing", WORD)


def test_a_state_with_an_unknown_status_is_an_open_conversation() -> None:
    state = envelope.decode(ConversationState, _future(topics.CONVERSATIONS))
    second = msgspec.structs.replace(MESSAGE, id="m2")
    result = decide_message(second, state, policy(), NOW)
    assert result.item is not None
    assert (result.decision.action, result.decision.department) == ("append", "billing")
    assert result.state is not None
    assert result.state.status == "open"


def test_an_unknown_outcome_moves_closes_and_answers_nothing() -> None:
    outcome = envelope.decode(Outcome, _future(topics.OUTCOMES))
    state = decide_message(MESSAGE, None, policy(), NOW).state
    assert decide_record(outcome, lambda: state, policy(), NOW).transition is None
    assert closed_messages(outcome) == ()
    assert first_closings([outcome], [("m1", 0, "o2")]) == "unknown"


@pytest.mark.parametrize("topic", RECORDED, ids=lambda topic: topic.name)
def test_the_recorder_keeps_a_record_of_tomorrow_as_it_is(topic: AnyTopic) -> None:
    rows, value = Rows(), _future(topic)
    add_record(rows, topic.name, 0, 0, value)
    fit_columns(rows)
    assert not rows.undecodable
    tables = (rows.messages, rows.decisions, rows.outcomes, rows.dead, rows.incidents, rows.links)
    (row,) = (row for table in tables for row in table)
    assert row[-1] == value.decode()


def test_the_watch_counts_and_observes_records_of_tomorrow() -> None:
    state = WatchState(Settings())
    with capture_logs() as logs:
        state.count_decision(_future(topics.DECISIONS), 0, 0)
        state.see_item(_future(topics.queue("billing")), ("queue.billing.v1", 0), 0.0)
    assert logs == []


def test_an_incident_is_unchanged_by_a_step_that_nobody_knows() -> None:
    opened = RECORDS[topics.INCIDENTS.name]
    assert isinstance(opened, Incident)
    later = envelope.decode(Incident, _future(topics.INCIDENTS))
    assert fold_records([opened, later]) == {"n1": opened}
    assert fold_records([later]) == {}
    state = WatchState(Settings())
    state.remember([], [opened])
    state.apply_incident(future_value(msgspec.structs.replace(opened, agent="ada")))
    assert state.incidents.open_incidents() == [apply_record(None, opened)]


def test_the_desk_passes_over_a_waiting_record_of_tomorrow() -> None:
    lines = WaitingFold({})
    lines.apply(waiting_key("m1", 0), _future(topics.WAITING), None)
    assert lines.open_items().waiting == []


def test_an_agent_can_answer_a_work_item_of_tomorrow() -> None:
    work = envelope.decode(WorkItem, _future(topics.queue("billing")))
    assert choose_answerable([work], allow=False) is work
    check_reply_allowed(work.message, "Merhaba", NOW)
    assert acknowledgement_address(work) is None, "its action may mean that nobody wrote it"


def test_a_delivery_of_tomorrow_changes_no_reply() -> None:
    begun = RECORDS[topics.DELIVERIES.name]
    assert isinstance(begun, ReplyDelivery)
    later = envelope.decode(ReplyDelivery, _future(topics.DELIVERIES))
    assert fold(begun, later) is begun


def test_a_reply_of_tomorrow_has_its_text_and_its_address() -> None:
    reply = envelope.decode(Reply, _future(topics.REPLIES))
    assert (reply.kind, reply.text) == (WORD, "Merhaba")


def test_the_backtest_replays_records_of_tomorrow() -> None:
    message = envelope.decode(Message, _future(topics.MESSAGES))
    outcome = envelope.decode(Outcome, _future(topics.OUTCOMES))
    report = replay([message, outcome], policy(), replace(policy(), threshold=0.6))
    assert report.messages == 1


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_tap_prints_a_record_of_tomorrow(topic: AnyTopic) -> None:
    assert FIELD in mask_json(_future(topic))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_show_an_unknown_word_as_it_is(language: str) -> None:
    texts = Texts(language)
    name_of: Callable[[str], str] = texts.__getitem__
    decision = envelope.decode(Decision, _future(topics.DECISIONS))
    assert name_of(decision.action) == texts.flag_name(WORD) == texts.channel_name(WORD) == WORD
