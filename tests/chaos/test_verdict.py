"""The verdict of a harmed cluster sees each broken promise: a blind one would prove nothing."""

from collections import Counter
from dataclasses import replace

import msgspec

from router.decision.decide import decide_message
from schemas.decision import WorkItem
from schemas.outcome import Outcome
from tests.support.cluster.gauges import longest_gap
from tests.support.cluster.traffic import Sightings
from tests.support.cluster.verdict import desk_findings, mail_findings, road_findings
from tests.support.messages import NOW, message, policy

ROOT = "c"


def _items(*steps: int) -> list[WorkItem]:
    """Return the items of one conversation's messages in this order."""
    decided = (
        decide_message(message(f"Faturam #{n}", native=str(n), root=ROOT), None, policy(), NOW)
        for n in steps
    )
    return [one_of.item for one_of in decided if one_of.item is not None]


def _sightings(items: list[WorkItem]) -> Sightings:
    """Return the sightings of a writer of these messages, in the order of their numbers."""
    accepted = {i.message.id: (ROOT, int(i.message.native_id)) for i in items}
    return Sightings(accepted=accepted)


def _outcome(identifier: str, kind: str, item: WorkItem) -> Outcome:
    return Outcome(
        id=identifier,
        kind=kind,
        brand="default",
        conversation=item.message.conversation,
        item=item.message.id,
        department=item.decision.department,
        messages=(item.message.id,),
        at=NOW,
    )


def test_a_road_that_keeps_its_promises_has_no_finding() -> None:
    items = _items(0, 1, 2)
    assert road_findings(items, _sightings(items)) == []


def test_a_lost_a_doubled_and_an_early_message_are_findings() -> None:
    items = _items(0, 1, 2)
    sightings = _sightings(items)
    assert road_findings(items[1:], sightings)[0].startswith("1 lost")
    assert road_findings([*items, items[2]], sightings)[0].startswith("1 doubled")
    assert road_findings([items[1], items[0], items[2]], sightings)[0].startswith("1 out of order")


def test_a_follow_up_in_a_moved_conversation_is_not_lost_and_a_moved_message_not_doubled() -> None:
    items = _items(0, 1)
    decision = msgspec.structs.replace(items[1].decision, hops=1)
    moved = msgspec.structs.replace(items[0].decision, hops=1)
    items[1] = msgspec.structs.replace(items[1], decision=decision)
    items.append(msgspec.structs.replace(items[0], decision=moved))
    assert road_findings(items, _sightings(items)) == []


def test_a_second_act_on_a_message_is_a_finding_where_its_agent_got_a_confirmation() -> None:
    (item,) = _items(0)
    first, second = _outcome("a", "resolved", item), _outcome("b", "rerouted", item)
    both = {"a": first, "b": second}
    assert desk_findings(both, Sightings(closed={"a": {"ali"}})) == []
    confirmed = Sightings(closed={"a": {"ali"}, "b": {"ayşe"}})
    assert desk_findings(both, confirmed)[0].startswith("1 confirmed though another")
    moved = {"a": first, "b": msgspec.structs.replace(second, hops=1)}
    assert desk_findings(moved, confirmed) == []


def test_an_act_that_was_confirmed_and_not_recorded_is_a_finding() -> None:
    findings = desk_findings({}, Sightings(closed={"a": {"ali"}}))
    assert findings == ["1 confirmed without a record, first a"]


def test_a_customer_without_an_answer_or_with_two_is_a_finding() -> None:
    (item,) = _items(0)
    text = f"Cevap {item.message.id}"
    sightings = replace(Sightings(), answers={text: "ada@x.example"}, mailed={"ada@x.example"})
    once, welcome = Counter({text: 1}), Counter({"ada@x.example": 1})
    assert mail_findings({}, sightings, once, welcome) == []
    assert mail_findings({}, sightings, Counter(), welcome)[0].startswith("1 answers lost")
    assert mail_findings({}, sightings, once + once, welcome)[0].startswith("1 answers sent twice")
    assert mail_findings({}, sightings, once, Counter())[0].startswith("1 customers without")
    assert mail_findings({}, sightings, once, welcome + welcome)[0].startswith("1 customers ack")
    given_up = {"a": _outcome("a", "undeliverable", item)}
    assert mail_findings(given_up, sightings, Counter(), welcome) == [], "a person was called"


def test_a_pause_counts_from_the_harm_and_to_the_end() -> None:
    assert longest_gap([1.0, 2.0, 9.0], 0.0, 10.0) == 7.0
    assert longest_gap([], 0.0, 10.0) == 10.0
    assert longest_gap([-5.0, 12.0], 0.0, 4.0) == 4.0
