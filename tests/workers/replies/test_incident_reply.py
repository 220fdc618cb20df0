"""A bug with one customer of an incident costs no other customer the holding text."""

from typing import cast

from sqlalchemy import Engine

from router.decision.decide import decide_message
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.settings.structs import Settings
from schemas.decision import Decision, WorkItem
from schemas.incident import Incident
from schemas.message import Message
from schemas.outcome import Outcome, Reply
from schemas.topics import AnyTopic
from tests.support.caught_bugs import count_caught_bugs
from tests.support.messages import NOW, message, policy
from workers.replies.incident_reply import IncidentResponder

POISONED = 2


def _items() -> list[WorkItem]:
    items = []
    for number in range(5):
        sent = message("Faturam yanlış", native=str(number), root=str(number))
        item = decide_message(sent, None, policy(), NOW).item
        assert item is not None
        items.append(item)
    return items


class _PoisonedPublisher:
    """A publisher that fails for one message, and keeps the other records."""

    def __init__(self, poisoned: str) -> None:
        self.records: list[Outcome | Reply] = []
        self._poisoned = poisoned

    async def publish(self, _topic: AnyTopic, record: Outcome | Reply, **_more: object) -> None:
        """Keep a record."""
        if self._poisoned in (getattr(record, "message", ""), *getattr(record, "messages", ())):
            raise KeyError(self._poisoned)
        self.records.append(record)


class _Answered(IncidentResponder):
    """A responder whose store has these items."""

    items: list[WorkItem]

    def find_answerable(
        self, record: Incident
    ) -> tuple[Incident, list[tuple[Message, Decision]], int]:
        """Return all items."""
        return record, [(i.message, i.decision) for i in self.items], 0


async def test_a_bug_with_one_customer_costs_no_other_the_holding_text() -> None:
    items = _items()
    publisher = _PoisonedPublisher(items[POISONED].message.id)
    responder = _Answered(
        Settings(),
        cast("Engine", None),
        cast("Publisher", publisher),
        SystemClock(),
    )
    responder.items = items
    before = count_caught_bugs("santral-holding")
    incident = Incident(
        id="i",
        brand="default",
        status="answered",
        title="t",
        opened_at=NOW,
        at=NOW,
        text_tr="Çalışıyoruz",
        text_en="We are on it",
        agent="ada",
    )
    await responder._answer(incident)
    answered = {r.message for r in publisher.records if isinstance(r, Reply)}
    assert answered == {i.message.id for n, i in enumerate(items) if n != POISONED}
    assert {r.by for r in publisher.records} == {"holding"}, "no person answered them"
    assert count_caught_bugs("santral-holding") == before + 1
