"""The ids of what the desk writes: an agent's repeat is the same record, another agent's is not."""

import msgspec
import pytest

from router.decision.decide import decide_message
from schemas import envelope
from schemas.decision import WorkItem
from schemas.http_api.bodies import ReplyIn
from schemas.outcome import OutcomeKind
from schemas.topics import RECORD_LIMIT
from tests.support.messages import NOW, message, policy
from workers.desk.records import build_item, build_outcome, build_reply
from workers.desk.reply_identity import identify_reply
from workers.desk_queue.values import Lease


@pytest.fixture(name="work")
def work_item() -> WorkItem:
    """One message in the line of its department."""
    work = decide_message(message("Faturam yanlış"), None, policy(), NOW).item
    assert isinstance(work, WorkItem)
    return work


@pytest.mark.parametrize("kind", ["resolved", "rerouted", "replied", "note"])
def test_the_acts_of_two_agents_have_two_ids_and_a_repeat_has_its_own(
    work: WorkItem, kind: OutcomeKind
) -> None:
    item = work.message.id
    outcomes = [build_outcome(kind, item, "s", [work], name, NOW) for name in ("Ada", "Can", "Ada")]
    assert {outcome.by for outcome in outcomes} == {"person"}
    first, other, repeat = (outcome.id for outcome in outcomes)
    assert repeat == first
    assert other != first


def test_the_same_text_of_two_agents_is_one_reply_without_a_key(work: WorkItem) -> None:
    item = work.message.id
    identity = identify_reply(item, work, "Merhaba", "")
    replies = [
        build_reply(work, ReplyIn(lease=lease.lease, text="Merhaba"), lease, identity.reply, NOW)
        for lease in (_lease(work, "Ada"), _lease(work, "Can"))
    ]
    assert [reply.agent for reply in replies] == ["Ada", "Can"]
    assert replies[0].id == replies[1].id
    assert [reply.by for reply in replies] == ["person", "person"]


def test_a_reply_carries_its_item_and_the_words_may_be_sent_again_once_it_came_back(
    work: WorkItem,
) -> None:
    item, lease = work.message.id, _lease(work, "Ada")
    first = identify_reply(item, work, "Merhaba", "k")
    reply = build_reply(work, ReplyIn(lease="l", text="Merhaba"), lease, first.reply, NOW)
    assert reply.work == work
    decision = msgspec.structs.replace(work.decision, flags=("undeliverable",), hops=1)
    back = msgspec.structs.replace(work, decision=decision)
    assert identify_reply(item, back, "Merhaba", "k").reply != first.reply
    assert (
        identify_reply(item, back, "Merhaba", "").reply
        != identify_reply(item, work, "Merhaba", "").reply
    )


def test_a_reply_whose_item_is_too_large_for_a_record_leaves_without_it(work: WorkItem) -> None:
    long = msgspec.structs.replace(work.message, text="ş" * 100_000)
    large = msgspec.structs.replace(work, message=long)
    body = ReplyIn(lease="l", text="😀" * 100_000)
    reply = build_reply(large, body, _lease(work, "Ada"), "r", NOW)
    assert reply.work is None
    assert len(envelope.encode(reply)) <= RECORD_LIMIT


def test_an_item_has_the_worst_severity_and_every_flag_of_its_messages(work: WorkItem) -> None:
    decisions = [
        msgspec.structs.replace(work.decision, severity=severity, priority=priority, flags=flags)
        for severity, priority, flags in ((2, 60, ("escalated",)), (0, 30, ("reopened",)))
    ]
    works = [msgspec.structs.replace(work, decision=decision) for decision in decisions]
    shown = build_item("billing", _lease(work, "Ada"), works, None).decision
    assert (shown.severity, shown.priority) == (2, 60)
    assert shown.flags == ("escalated", "reopened")


def _lease(work: WorkItem, agent: str) -> Lease:
    return Lease(
        item=work.message.id,
        lease=f"lease of {agent}",
        department="billing",
        conversation=work.message.conversation,
        agent=agent,
        until_ms=0,
        messages=(),
    )
