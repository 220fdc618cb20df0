"""Every peer does the router's decision, and writes one item a message."""

import msgspec

from bench.peers.task import route
from bench.policy import policy
from bench.support import message
from router.decision.decide import decide_message
from schemas.decision import WorkItem


def test_the_items_have_the_decisions_of_the_router() -> None:
    rules = policy()
    messages = [message(number, 10) for number in range(20)]
    items = route([msgspec.json.encode(sent) for sent in messages])
    assert [key for key, _ in items] == [sent.conversation.encode() for sent in messages]
    for sent, (_, value) in zip(messages, items, strict=True):
        item = msgspec.json.decode(value, type=WorkItem)
        expected = decide_message(sent, None, rules, item.decision.decided_at).item
        assert item == expected
