"""The checker of histories finds each kind of broken rule, and nothing in a good history."""

import pytest

from schemas.outcome import Outcome
from tests.support.desk.histories import Act, Answer, MessageHops, violations
from tests.support.messages import NOW


def _outcome(kind: str, agent: str, *messages: str, hops: int = 0) -> Outcome:
    return Outcome(
        id=f"{kind}-{agent}-{messages}",
        kind=kind,
        brand="b",
        conversation="c",
        item="m",
        department="d",
        messages=messages,
        hops=hops,
        at=NOW,
        agent=agent,
    )


def _act(agent: str, verb: str, start: float, answer: Answer = "ok", **more: object) -> Act:
    values: dict[str, object] = {
        "agent": agent,
        "verb": verb,
        "lease": f"lease of {agent}",
        "conversation": "c",
        "messages": (("m", 0),),
        "start": start,
        "end": start + 1,
        "answer": answer,
    }
    return Act(**(values | more))


GOOD = [_act("a", "claim", 0), _act("a", "heartbeat", 2), _act("a", "complete", 4)]


def test_a_good_history_breaks_no_rule() -> None:
    assert violations(GOOD, [_outcome("resolved", "a", "m")], [("m", 0)]) == []


def test_an_act_that_the_agent_may_repeat_breaks_no_rule() -> None:
    acts = [*GOOD[:2], _act("a", "complete", 4, "unsure"), _act("b", "reroute", 9)]
    outcomes = [_outcome("rerouted", "b", "m"), _outcome("resolved", "c", "m", hops=1)]
    assert violations(acts, outcomes, [("m", 0), ("m", 1)]) == []


def test_a_repeat_may_be_refused_when_another_counts_or_redis_forgot() -> None:
    acts = [_act("a", "complete", 4, "unsure"), _act("a", "complete", 6, "refused", era=2)]
    assert violations(acts, [_outcome("resolved", "a", "m")], [("m", 0)]) == []
    same = [acts[0], _act("a", "complete", 6, "refused")]
    assert violations(same, [_outcome("resolved", "b", "m")], [("m", 0)]) == []


def test_a_repeat_may_be_refused_when_the_agent_closed_the_item_under_a_later_lease() -> None:
    # A Redis without a disk refused the first call, which published nothing. Then the lease ended.
    acts = [
        _act("a", "complete", 4, "unsure", published=False),
        _act("a", "complete", 6, "refused", published=False),
        _act("a", "complete", 9, lease="later lease of a"),
    ]
    assert violations(acts, [_outcome("resolved", "a", "m")], [("m", 0)]) == []


@pytest.mark.parametrize(
    ("acts", "outcomes", "queued", "text"),
    [
        (GOOD, [], [("m", 0)], "was never finished"),
        (GOOD, [], [], "nothing counts"),
        (GOOD, [_outcome("rerouted", "b", "m")], [("m", 0)], "rerouted by b counts"),
        ([], [_outcome("rerouted", "b", "m")], [("m", 0)], "is in no queue"),
        ([], [_outcome("resolved", "a", "m")], [("m", 0), ("m", 0)], "in a queue 2 times"),
        (
            [_act("a", "complete", 4, "unsure"), _act("a", "complete", 6, "refused")],
            [_outcome("resolved", "a", "m")],
            [("m", 0)],
            "its repeat was refused",
        ),
        (
            [*GOOD, _act("b", "heartbeat", 3.1, end=3.2)],
            [_outcome("resolved", "a", "m")],
            [("m", 0)],
            "had a lease during another's",
        ),
    ],
)
def test_a_broken_rule_is_found(
    acts: list[Act], outcomes: list[Outcome], queued: list[MessageHops], text: str
) -> None:
    assert any(text in sentence for sentence in violations(acts, outcomes, queued))


def test_a_moved_message_has_an_agent_in_its_new_department_meanwhile() -> None:
    both, moved = (("m", 0), ("n", 0)), (("m", 1),)
    acts = [
        _act("a", "claim", 1, messages=both),
        _act("b", "claim", 4, end=5, messages=moved),
        _act("a", "heartbeat", 8, messages=both),
        _act("b", "heartbeat", 12, messages=moved),
    ]
    assert not [text for text in violations(acts, [], []) if "lease" in text]
