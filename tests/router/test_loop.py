"""The router's loop in this process, on a broker of its own."""

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path

import msgspec
from confluent_kafka import Producer
from structlog.testing import capture_logs

from router.decision.decide import decide_message
from router.run import Router
from router.training.dataset import read_labelled
from router.training.train import train_model
from runtime import metrics
from runtime.archive.folder_archive import FolderArchive
from runtime.bus.backlog import Backlog
from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.following import Lag
from runtime.bus.readers import create_reader, read_to_end
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.settings.structs import Settings, ShadowSettings
from schemas import envelope, topics
from schemas.dead_letter import DeadLetter
from schemas.decision import WorkItem
from schemas.routing.departments import DEFAULT
from schemas.topics import queue_topics
from tests.support.messages import NOW, message, policy
from tests.support.router.poisoned_policy import POISON, poisoned_policy
from tests.support.router.router_input import put_messages
from tests.support.waiting import wait


class Hurried(SystemClock):
    """A clock on which every look takes a second."""

    def __init__(self) -> None:
        self._looks = 0

    def monotonic(self) -> float:
        self._looks += 1
        return float(self._looks)


def routed(router: Router, count: int) -> list[int]:
    """Turn until `count` records are decided; return the sizes of the batches."""
    sizes: list[int] = []

    def turned() -> bool:
        sizes.append(router.turn())
        return sum(sizes) >= count

    router.start()
    wait("all are decided", turned, 60)
    router.stop()
    return sizes


async def test_a_batch_that_takes_too_long_ends_early_and_nothing_is_lost_or_doubled(
    kafka: Settings,
) -> None:
    sent = put_messages(kafka, 60)
    health = Health("router")
    sizes = routed(
        Router(kafka, policy(), Hurried(), FolderArchive(kafka.archive_path), health), 60
    )
    assert 0 < max(sizes) < 10, "each batch had time for a few only"
    items = [
        envelope.decode(WorkItem, r.value)
        async for records in read_to_end(kafka.kafka, queue_topics(DEFAULT))
        for r in records
    ]
    assert sorted(i.message.id for i in items) == sorted(m.id for m in sent)
    for root in {m.conversation for m in sent}:
        got = [int(i.message.native_id) for i in items if i.message.conversation == root]
        assert got == sorted(got)
    # A new router continues from the committed offsets and decides no message a second time.
    again = Router(kafka, policy(), SystemClock(), FolderArchive(kafka.archive_path), health)
    again.start()
    positions = again.progress.notes
    assert wait("it owns its partitions", lambda: again.turn() == 0 and positions().positions)
    assert Backlog(kafka.kafka, kafka.ops.stall)(positions().positions) == frozenset()
    again.stop()


async def test_a_message_that_meets_a_fault_is_in_triage_and_the_next_ones_are_decided(
    kafka: Settings,
) -> None:
    producer = Producer(rdkafka_settings(kafka.kafka, partitioner="murmur2_random"))
    words = ("Faturam yanlış", f"{POISON} fatura")
    sent = [message(words[n % 3 == 0], native=str(n), root=str(n % 7)) for n in range(60)]
    for record in sent:
        value, key = envelope.encode(record), record.conversation.encode()
        producer.produce(topics.MESSAGES.name, value, key)
    producer.produce(topics.MESSAGES.name, b"{", b"x")
    producer.flush(30)
    router = Router(
        kafka,
        poisoned_policy("rule"),
        SystemClock(),
        FolderArchive(kafka.archive_path),
        Health("router"),
    )
    with capture_logs():  # drawing the tracebacks of the poisoned rule takes seconds each
        routed(router, 61)
    items: list[WorkItem] = []
    async with asyncio.timeout(30):
        while len(items) < len(sent):
            items = [
                envelope.decode(WorkItem, r.value)
                async for records in read_to_end(kafka.kafka, queue_topics(DEFAULT))
                for r in records
            ]
    assert sorted(i.message.id for i in items) == sorted(m.id for m in sent)
    faulted = {i.message.id for i in items if "router.bug" in i.decision.flags}
    assert faulted == {m.id for m in sent if POISON in m.text}
    assert {i.decision.department for i in items if i.message.id in faulted} == {"triage"}
    dead = [
        envelope.decode(DeadLetter, r.value).code
        async for records in read_to_end(kafka.kafka, [topics.DEAD.name])
        for r in records
    ]
    assert dead == ["record.undecodable"]


async def test_a_reader_that_has_read_everything_lags_behind_nothing(kafka: Settings) -> None:
    put_messages(kafka, 40)
    routed(
        Router(kafka, policy(), SystemClock(), FolderArchive(kafka.archive_path), Health("r")), 40
    )
    # Each queue ends with the marker of a transaction: nothing to read, but a place.
    lag, read = Lag("lag"), 0
    backlog = Backlog(kafka.kafka, kafka.ops.stall)
    consumer = create_reader(kafka.kafka, *queue_topics(DEFAULT), group="test", client_id="test")
    await consumer.start()
    async with asyncio.timeout(30):
        while read < 40:
            batch = await consumer.getmany(timeout_ms=100, max_records=10)
            await lag.turned(consumer)
            read += sum(map(len, batch.values()))
            positions = lag.notes().positions
            behind = await asyncio.to_thread(backlog, positions)
            assert bool(behind) == (read < 40) or not positions
    await consumer.stop()


async def test_a_candidate_beside_it_is_counted_and_changes_nothing(
    kafka: Settings, tmp_path: Path
) -> None:
    (tmp_path / "one.toml").write_text(
        '[[rule]]\nid = "own.all"\ndepartment = "sales"\nany = ["fatura*", "kargo*", "mesaj*", "ileti*"]\n'
        'tr = "t"\nen = "e"\nmatch = ["fatura"]\nno_match = ["x"]\n'
    )
    beside = msgspec.structs.replace(
        kafka,
        router=msgspec.structs.replace(kafka.router, shadow=ShadowSettings(pack=str(tmp_path))),
    )
    sent = put_messages(beside, 20)
    before = _shadowed()
    routed(
        Router(beside, policy(), SystemClock(), FolderArchive(kafka.archive_path), Health("r")), 20
    )
    counted = {k: v - before.get(k, 0) for k, v in _shadowed().items()}
    assert sum(counted.values()) == 20
    assert counted["other_department"] > 0
    assert counted.get("failed", 0) == 0
    items: list[WorkItem] = []
    async with asyncio.timeout(30):  # a commit returns before its marker is in every partition
        while len(items) < len(sent):
            items = [
                envelope.decode(WorkItem, r.value)
                async for records in read_to_end(kafka.kafka, queue_topics(DEFAULT))
                for r in records
            ]
    assert sorted(i.message.id for i in items) == sorted(m.id for m in sent)
    assert {i.decision.pack for i in items} == {policy().pack.version}


def _shadowed() -> dict[str, float]:
    counts = re.findall(
        r'santral_shadow_decisions_total\{result="(\w+)"\} ([\d.]+)', metrics.exposition().decode()
    )
    return {name: float(value) for name, value in counts}


async def test_with_a_model_every_decision_is_the_one_that_a_message_alone_gets(
    kafka: Settings,
) -> None:
    words = {"billing": "fatura", "technical": "modem"}
    lines = [
        json.dumps({"text": f"{word} {n} sorunu", "label": label}).encode()
        for label, word in words.items()
        for n in range(20)
    ]
    model = train_model(read_labelled(lines), "department", NOW)
    with_model = replace(policy(), models=(model,))
    sent = put_messages(kafka, 300)  # more than one part of a batch
    routed(
        Router(kafka, with_model, SystemClock(), FolderArchive(kafka.archive_path), Health("r")),
        300,
    )
    items: list[WorkItem] = []
    async with asyncio.timeout(30):
        while len(items) < len(sent):
            items = [
                envelope.decode(WorkItem, r.value)
                async for records in read_to_end(kafka.kafka, queue_topics(DEFAULT))
                for r in records
            ]
    assert {i.decision.model for i in items} == {model.name}
    first = next(i for i in items if i.decision.action == "queue")
    alone = decide_message(first.message, None, with_model, first.decision.decided_at).decision
    assert alone == first.decision
