"""Each reply leaves once, and an account that is away delays only its own replies."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from aiokafka import TopicPartition
from confluent_kafka import TopicPartition as RecordPosition
from confluent_kafka.admin import AdminClient

from cli.up.ports import free_port
from runtime import metrics
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.publisher import Publisher
from runtime.bus.readers import create_reader, fetch_group_offset
from runtime.health.checks import Health
from runtime.redis.claims import connect
from runtime.settings.structs import RedisSettings, RepliesSettings, Settings
from schemas import topics
from schemas.outcome import Outcome, Reply
from schemas.state.delivery import ReplyDelivery
from schemas.topics import AnyTopic
from tests.support.redis.servers import start_valkey
from tests.support.servers.broker import read_topic
from tests.support.servers.smtp import SmtpServer
from tests.support.waiting import until
from tests.support.workers.reply_office import (
    Office,
    received,
    sending,
    wait_until_read,
    worker_process,
)
from workers.sender.lanes import MAX_RUNNING
from workers.sender.lost_tries import LEASE_S
from workers.sender.reply_sender import GROUP


@pytest.fixture(scope="module")
async def office(file_kafka: Settings) -> AsyncIterator[Office]:
    """The shared broker and one Redis for all tests of this file."""
    with start_valkey() as port:
        settings = msgspec.structs.replace(
            file_kafka, redis=RedisSettings(url=f"redis://127.0.0.1:{port}/0")
        )
        redis = connect(settings.redis)
        publisher = Publisher(settings.kafka, "test")
        yield Office(settings, redis, publisher)
        await publisher.stop()
        await redis.aclose()


@pytest.fixture
def good() -> Iterator[SmtpServer]:
    """A mail server that takes everything."""
    smtp = SmtpServer().start()
    yield smtp
    smtp.stop()


async def test_replies_that_an_earlier_version_sent_or_began_are_not_sent_again(
    office: Office, good: SmtpServer
) -> None:
    """This test must be the first, because no worker of this version has committed yet."""
    settings = office.with_accounts(good=good.port)
    sent = await office.write("good", 8)
    (begun,) = await office.write("good", 1)
    for reply in sent:
        outcome = Outcome(
            id=f"o-{reply.id}",
            kind="delivered",
            brand=reply.brand,
            conversation=reply.conversation,
            item=reply.item,
            department=reply.department,
            at=reply.at,
            reply=reply.id,
        )
        await office.publisher.publish(topics.OUTCOMES, outcome, source="test")
    await office.redis.set(f"santral:reply-begun:{begun.id}", b"token")
    async with sending(office, settings):
        await wait_until_read(office, good, "good")

        async def ended() -> list[str]:
            return (await office.outcomes([begun]))[begun.id]

        assert await until("an outcome", ended, 10) == ["undeliverable"]
    assert set(received(good, [*sent, begun]).values()) == {0}


async def test_a_mail_leaves_once_although_redis_was_emptied_and_the_worker_restarted(
    office: Office, good: SmtpServer
) -> None:
    settings = office.with_accounts(good=good.port, bad=free_port())
    async with sending(office, settings):
        waiting = await office.write("bad", 16)
        replies = await office.write("good", 120)
        await until("all left", lambda: all(received(good, replies).values()), 40)
        await office.redis.flushall()
    async with sending(office, settings):
        await wait_until_read(office, good, "good")
    assert set(received(good, replies).values()) == {1}
    assert set(map(tuple, (await office.outcomes(replies)).values())) == {("delivered",)}
    assert not any((await office.outcomes(waiting)).values())


@pytest.fixture
def hanging() -> Iterator[int]:
    """A server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as server:
        yield server.getsockname()[1]


async def test_an_account_whose_server_is_away_delays_no_other(
    office: Office, good: SmtpServer, hanging: int
) -> None:
    away = free_port()
    settings = office.with_accounts(good=good.port, away=away, hangs=hanging)
    health = Health("replies")
    async with sending(office, settings, health):
        waiting = await office.write("away", 300)
        await office.write("hangs", 60)
        replies = await office.write("good", 120)
        await until("the good account's left", lambda: all(received(good, replies).values()), 15)

        await until("commits passed what waits", lambda: _is_committed(office), 10)
        note = await until("a note", lambda: _note(health), 10)
        assert "email:away" in note
        assert health.report()[0] == 200
        await until("gauges", lambda: _waiting("away") >= 300, 10)
        back = SmtpServer(away).start()
        try:
            await until("what waited left", lambda: all(received(back, waiting).values()), 40)
            await wait_until_read(office, good, "good")
            assert set(received(back, waiting).values()) == {1}
        finally:
            back.stop()
    assert set(received(good, replies).values()) == {1}


def _note(health: Health) -> str:
    body = msgspec.json.decode(health.report()[1])
    return str(body.get("notes", {}).get("accounts", ""))


def _waiting(account: str) -> float:
    labels = {"channel": "email", "account": account}
    return metrics.REGISTRY.get_sample_value("santral_replies_waiting", labels) or 0


async def _is_committed(office: Office) -> bool:
    """Say whether the group has committed all of replies.v1."""
    kafka = office.settings.kafka
    consumer = create_reader(kafka, group=None, client_id="test")
    await consumer.start()
    try:
        partitions = [TopicPartition(topics.REPLIES.name, n) for n in range(kafka.partitions)]
        ends = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return all(
        [((await fetch_group_offset(kafka, GROUP, p))[0] or 0) == ends[p] for p in partitions]
    )


async def test_the_loop_guard_counts_on_after_a_restart_and_an_emptied_redis(
    office: Office, good: SmtpServer
) -> None:
    settings = msgspec.structs.replace(
        office.with_accounts(good=good.port), replies=RepliesSettings(per_address_per_hour=3)
    )
    machine = "robot@ornek.example"

    async def ended(replies: list[Reply]) -> list[str]:
        async def read() -> dict[str, list[str]]:
            outcomes = await office.outcomes(replies)
            return outcomes if all(outcomes.values()) else {}

        outcomes = await until("outcomes", read, 20)
        return sorted(kinds[0] for kinds in outcomes.values())

    async with sending(office, settings):
        first = await office.write("good", 5, machine)
        assert await ended(first) == ["delivered"] * 3 + ["undeliverable"] * 2
    await office.redis.flushall()
    async with sending(office, settings):
        assert await ended(await office.write("good", 1, machine)) == ["undeliverable"]
        await wait_until_read(office, good, "good")
    assert len(good.to(machine)) == 3


@pytest.mark.certify
async def test_a_reply_that_waits_too_long_or_has_lost_its_text_is_undeliverable(
    office: Office, good: SmtpServer
) -> None:
    away = free_port()
    patient = office.with_accounts(good=good.port, left=away)
    hasty = msgspec.structs.replace(
        patient, replies=RepliesSettings(give_up_after=timedelta(seconds=1))
    )

    async def ends(replies: list[Reply]) -> dict[str, Outcome]:
        identifiers = {reply.id for reply in replies}

        async def read() -> dict[str, Outcome]:
            outcomes = read_topic(office.settings, topics.OUTCOMES.name, Outcome)
            ended = {o.reply: o async for o in outcomes if o.reply in identifiers}
            return ended if len(ended) == len(identifiers) else {}

        return await until("outcomes", read, 20)

    async with sending(office, hasty):
        late = await office.write("left", 2)
        for outcome in (await ends(late)).values():
            assert outcome.kind == "undeliverable"
            assert outcome.reason.startswith("gave up: ")
    async with sending(office, patient):
        waiting = await office.write("left", 6)
        await until("their replies are committed", lambda: _is_committed(office), 20)
    await _drop_texts(office.settings)
    back = SmtpServer(away).start()
    async with sending(office, patient):
        outcomes = await ends(waiting)
        await wait_until_read(office, good, "good")
    back.stop()
    for reply in waiting:
        outcome = outcomes[reply.id]
        assert outcome.kind == "undeliverable"
        assert "Please write it again" in outcome.reason
        assert (outcome.conversation, outcome.item) == (reply.conversation, reply.item)
        assert (outcome.department, outcome.messages) == ("billing", (reply.message,))
    assert not back.mails


async def _drop_texts(settings: Settings) -> None:
    """Delete the present records of replies.v1, as Kafka does when they are old."""
    admin = AdminClient(rdkafka_settings(settings.kafka))
    positions = [
        RecordPosition(topics.REPLIES.name, n, -1) for n in range(settings.kafka.partitions)
    ]
    for future in admin.delete_records(positions).values():
        await asyncio.to_thread(future.result)


class _Crashing(Publisher):
    """A publisher in a killed process, where some replies get no further than a step."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.kafka, "crashing")
        self.steps: dict[str, tuple[str, str]] = {}
        self.reached: set[str] = set()

    async def publish(
        self, topic: AnyTopic, record: Outcome | ReplyDelivery, **more: object
    ) -> tuple[int, int]:
        """Publish, but never return from the step of such a reply."""
        step = record.state if isinstance(record, ReplyDelivery) else "outcome"
        reply = record.reply or ""
        when, name = self.steps.get(reply, ("", ""))
        if (when, name) == ("before", step):
            await self._end(reply)
        position = await super().publish(topic, record, **more)
        if (when, name) == ("after", step):
            await self._end(reply)
        return position

    async def _end(self, reply: str) -> None:
        self.reached.add(reply)
        await asyncio.Event().wait()


KILLED = [
    # step, number of mails that came, kinds of outcomes
    ("before", "begun", 1, ["delivered"]),
    ("after", "begun", 0, ["undeliverable"]),
    ("before", "outcome", 1, ["undeliverable"]),
    ("after", "outcome", 1, ["delivered"]),
    ("before", "finished", 1, ["delivered"]),
    ("after", "finished", 1, ["delivered"]),
]


async def test_a_worker_killed_at_any_step_sends_nothing_twice_and_loses_nothing(
    office: Office, good: SmtpServer
) -> None:
    settings = office.with_accounts(good=good.port, late=(late := free_port()))
    publisher = _Crashing(settings)
    first = len(KILLED) + 1
    async with sending(office, settings, publisher=publisher) as sender:
        for number, (when, step, _, _) in enumerate(KILLED, office.count + 1):
            publisher.steps[f"r{number}"] = when, step
        publisher.steps[f"r{office.count + first}"] = "after", "parked"
        killed = await office.write("good", len(KILLED))
        parked = await office.write("late", 1)
        await until("each was killed", lambda: len(publisher.reached) == first, 20)
        sender.stop_s = 0
    await publisher.stop()
    back = SmtpServer(late).start()
    async with sending(office, settings) as sender:
        sender.lost.lease_s = 0.3

        async def all_ended() -> bool:
            return all((await office.outcomes([*killed, *parked])).values())

        await until("every reply has an outcome", all_ended, 20)
        await wait_until_read(office, good, "good")
    back.stop()
    mails, outcomes = received(good, killed), await office.outcomes(killed)
    for reply, (when, step, count, kinds) in zip(killed, KILLED, strict=True):
        assert (mails[reply.id], outcomes[reply.id]) == (count, kinds), (when, step)
    assert list(received(back, parked).values()) == [1]


@pytest.mark.certify
@pytest.mark.parametrize("harm", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_killed_or_frozen_process_sends_nothing_twice(
    office: Office, good: SmtpServer, tmp_path: Path, harm: signal.Signals
) -> None:
    settings = office.with_accounts(good=good.port, bad=free_port())
    with worker_process(office, settings, tmp_path) as first:
        await office.write("bad", 16)
        replies = await office.write("good", 600)
        await until("some left", lambda: len(good.mails) > 150, 60)
        first.send_signal(harm)
        await office.redis.flushall()
        with worker_process(office, settings, tmp_path):
            # The group notices the loss after 15 s.
            await until("the rest left", lambda: len(good.mails) >= 600 - MAX_RUNNING, 120)
            if harm == signal.SIGSTOP:
                first.send_signal(signal.SIGCONT)

            async def all_ended() -> bool:
                return all((await office.outcomes(replies)).values())

            await until("every reply has an outcome", all_ended, LEASE_S + 60)
    counts, outcomes = received(good, replies), await office.outcomes(replies)
    assert max(counts.values()) == 1
    unknown = [name for name, kinds in outcomes.items() if "undeliverable" in kinds]
    assert len(unknown) <= MAX_RUNNING
    assert all(counts[name] for name in counts if name not in unknown)
