"""The trail of a mail, which a failed run prints: it tells a late reply from a lost one."""

from datetime import timedelta
from pathlib import Path

import pytest

from runtime.bus.publisher import Publisher
from runtime.settings.structs import Settings
from schemas import topics
from schemas.decision import WorkItem
from schemas.message import Handle, Party
from schemas.outcome import Outcome, Reply
from schemas.state.delivery import AnyState, ReplyDelivery
from tests.support.cluster.mail_trail import Trail, log_lines, mail_trail
from tests.support.messages import NOW, message
from tests.support.router.decisions import decide_default

SENDER = "c0x35@musteri.example"
MAIL = message(
    "Gazetemiz için", sender=Party(handles=(Handle(kind="email", value=SENDER),)), reply_to=SENDER
)
REPLY = Reply(
    id="r1",
    kind="acknowledgement",
    brand="default",
    channel="email",
    source="email:good",
    conversation=MAIL.conversation,
    message=MAIL.id,
    item=MAIL.id,
    department="press",
    recipient=Party(),
    text="Mesajınız ulaştı.",
    at=NOW,
)


def _item() -> WorkItem:
    item = decide_default(MAIL).item
    assert item is not None
    return item


def _step(state: AnyState, attempt: int) -> ReplyDelivery:
    return ReplyDelivery(
        reply="r1",
        state=state,
        attempt=attempt,
        at=NOW,
        due=NOW + timedelta(seconds=64) if state == "parked" else None,
        first_at=NOW,
        offset=0,
        channel="email",
        account="good",
    )


@pytest.mark.parametrize(
    ("trail", "last"),
    [
        (Trail([MAIL]), "no reply was written"),
        (Trail([MAIL], replies=[REPLY]), "reply r1 is not begun"),
        (Trail([MAIL], replies=[REPLY], deliveries=[_step("parked", 6)]), "reply r1 is parked"),
    ],
)
def test_the_last_line_says_how_far_the_reply_came(trail: Trail, last: str) -> None:
    assert list(trail.lines())[-1] == last


def test_a_parked_reply_shows_its_attempt_and_its_next_try() -> None:
    (line,) = [line for line in Trail(deliveries=[_step("parked", 6)]).lines() if "attempt" in line]
    assert line.startswith(f"delivery r1 parked attempt 6 {NOW:%T}")
    assert f"due {NOW + timedelta(seconds=64):%T}" in line


def test_log_lines_are_those_that_name_an_id(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "desk.log").write_text("reply.taken id=r1\nreply.taken id=r2\n")
    assert log_lines(tmp_path, ["r1"]) == ["desk.log: reply.taken id=r1"]


async def test_the_records_of_one_mail_come_from_all_topics(kafka: Settings) -> None:
    publisher, item = Publisher(kafka.kafka, "test"), _item()
    other = message("Başka", native="2")
    outcome = Outcome(
        id="o1",
        kind="claimed",
        brand="default",
        conversation=MAIL.conversation,
        item=MAIL.id,
        department=item.decision.department,
        messages=(MAIL.id,),
        at=NOW,
    )
    for mail in (MAIL, other):
        await publisher.publish(topics.MESSAGES, mail, source="test")
    await publisher.publish(topics.queue(item.decision.department), item, source="test")
    await publisher.publish(topics.OUTCOMES, outcome, source="test")
    await publisher.publish(topics.REPLIES, REPLY, source="test")
    for step in (_step("begun", 1), _step("parked", 1)):
        await publisher.publish(topics.DELIVERIES, step, source="test")
    await publisher.stop()
    trail = await mail_trail(kafka.kafka, SENDER)
    assert [m.id for m in trail.messages] == [MAIL.id]
    assert [i.message.id for i in trail.items] == [MAIL.id]
    assert [o.id for o in trail.outcomes] == ["o1"]
    assert [r.id for r in trail.replies] == ["r1"]
    assert [d.state for d in trail.deliveries] == ["begun", "parked"]
    assert trail.ids == {MAIL.id, "r1"}
