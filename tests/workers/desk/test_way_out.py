"""An agent learns before the first word that an answer could not leave."""

from typing import TYPE_CHECKING

import msgspec
import pytest

from router.decision.decide import decide_message
from runtime.clock import SystemClock
from runtime.settings.structs import Settings
from schemas import envelope
from schemas.decision import WorkItem
from schemas.errors import Rejected
from schemas.http_api.bodies import ClaimIn, Item, ReplyIn
from schemas.message import Answering, Message, Party
from schemas.outcome import Reply
from tests.support.desk.open_queue import FeedPublisher, open_desk_queue, redis, server
from tests.support.messages import NOW, message, policy
from workers.desk.commands import Desk
from workers.desk.way_out import answering_of, find_obstacle
from workers.desk_queue.values import QueuedMessage

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["redis", "server"]

MAIL = message("Faturam yanlış", channel="email", source="email:support")
WITH_SERVER = msgspec.structs.replace(
    Settings(), actions={"reply_email": {"support": {"host": "127.0.0.1"}}}
)


async def _claim(redis: "Redis[bytes]", mail: Message, settings: Settings) -> tuple[Desk, Item]:
    desk_queue = await open_desk_queue(redis)
    work = decide_message(mail, None, policy(), NOW).item
    assert isinstance(work, WorkItem)
    queued = QueuedMessage(
        department="billing",
        conversation=mail.conversation,
        message=mail.id,
        hops=0,
        work=envelope.encode(work),
        arrived_ms=0,
        score=0,
        quiet=False,
    )
    await desk_queue.add([queued])
    publisher = FeedPublisher(desk_queue)
    desk = Desk(
        settings=settings,
        desk_queue=desk_queue,
        publisher=publisher,  # type: ignore[arg-type]  # the desk calls only `publish`
        clock=SystemClock(),
    )
    (item,) = (await desk.claim("billing", ClaimIn(agent="Ada"))).items
    return desk, item


async def test_a_claim_says_that_no_server_is_configured_and_the_answer_is_refused(
    redis: "Redis[bytes]",
) -> None:
    desk, item = await _claim(redis, MAIL, Settings())
    for shown in (item, await desk.show(item.id, item.lease)):
        assert shown.answering is not None
        assert shown.answering.code == "reply.no_server"
        assert "`host`" in shown.answering.forbidden
        assert "[actions.reply_email.support]" in shown.answering.forbidden
    with pytest.raises(Rejected) as refused:
        await desk.reply(item.id, ReplyIn(lease=item.lease, text="Merhaba"))
    assert refused.value.code == "reply.no_server"
    publisher: object = desk.publisher
    assert isinstance(publisher, FeedPublisher)
    assert not any(isinstance(record, Reply) for record in publisher.records)


async def test_with_a_server_nothing_stands_in_the_way(redis: "Redis[bytes]") -> None:
    desk, item = await _claim(redis, MAIL, WITH_SERVER)
    assert item.answering is None
    done = await desk.reply(item.id, ReplyIn(lease=item.lease, text="Merhaba"))
    assert done.outcome


def test_a_message_without_an_address_says_so() -> None:
    form = msgspec.structs.replace(MAIL, channel="form", sender=Party(name="Ada"))
    obstacle = find_obstacle(WITH_SERVER, form)
    assert obstacle is not None
    assert obstacle.code == "reply.no_address"


def test_the_door_takes_the_answers_of_a_channel_without_an_action() -> None:
    assert find_obstacle(Settings(), message("Merhaba")) is None


def test_settings_that_are_not_valid_are_an_obstacle() -> None:
    wrong = msgspec.structs.replace(Settings(), actions={"reply_email": {"support": {"port": 0}}})
    obstacle = find_obstacle(wrong, MAIL)
    assert obstacle is not None
    assert obstacle.code == "reply.no_server"


def test_the_sources_own_limits_stay_and_its_reason_comes_first() -> None:
    limited = msgspec.structs.replace(MAIL, answering=Answering(limit=280, public=True))
    answering = answering_of(WITH_SERVER, limited)
    assert answering is not None
    assert (answering.limit, answering.public, answering.code) == (280, True, "")
    closed = msgspec.structs.replace(MAIL, answering=Answering(forbidden="it is closed"))
    answering = answering_of(Settings(), closed)
    assert answering is not None
    assert (answering.forbidden, answering.code) == ("it is closed", "reply.forbidden")
