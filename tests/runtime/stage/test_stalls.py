"""Loops on a real broker: one that hangs in its client is ended, and a quiet one is left alone."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, Producer

from router.run import Router
from runtime import store
from runtime.archive.folder_archive import FolderArchive
from runtime.bus.backlog import Backlog
from runtime.bus.client_settings import rdkafka_settings
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.health.neighbour import Neighbour
from runtime.health.progress import Progress
from runtime.settings.structs import OpsSettings, Settings
from runtime.stage.watchdog import STALLED_EXIT_CODE, Watchdog
from schemas import envelope, topics
from tests.support.messages import message, policy
from tests.support.paths import ROOT
from tests.support.waiting import wait
from workers.recorder.loop import Recorder
from workers.run import MIGRATIONS

MESSAGES, DECISIONS = topics.MESSAGES.name, topics.DECISIONS.name
PATIENCE = timedelta(seconds=1.2)


@pytest.fixture(scope="module")
def stalling(file_kafka: Settings) -> Settings:
    """A broker for the tests here, and settings with a short patience."""
    return msgspec.structs.replace(file_kafka, ops=OpsSettings(stall=PATIENCE))


def put(settings: Settings, native: str) -> None:
    """Publish one message."""
    producer = Producer(rdkafka_settings(settings.kafka, partitioner="murmur2_random"))
    sent = message("Faturam yanlış", native=native, root=native)
    producer.produce(MESSAGES, envelope.encode(sent), sent.conversation.encode())
    producer.flush(10)


def end_with_markers(settings: Settings, *names: str) -> None:
    """End each partition with an aborted record and the markers of two transactions."""
    config = {"transactional.id": "markers", "partitioner": "murmur2_random"}
    producer = Producer(rdkafka_settings(settings.kafka, **config))
    producer.init_transactions(10)
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for name in names:
            for number in range(settings.kafka.partitions):
                producer.produce(name, b"{", b"x", partition=number)
        producer.flush(10)
        end(10)


def watched(settings: Settings, progress: Progress, ended: list[int]) -> tuple[Health, Watchdog]:
    """Start the watchdog of a loop; its verdicts go into `ended`."""
    health = Health("x")
    look = Backlog(settings.kafka, settings.ops.stall)
    dog = Watchdog(health, progress, settings.ops, SystemClock(), look, ended.append)
    dog.start()
    return health, dog


class LoopThread:
    """A loop in a thread, until `stop`."""

    def __init__(self, turn: Callable[[], object]) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(turn,), daemon=True)
        self._thread.start()

    def _run(self, turn: Callable[[], object]) -> None:
        while not self._stopping.is_set():
            turn()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(20)


STAGE = """
import select, sys, threading
from datetime import timedelta
from runtime import log
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.health.progress import Progress
from runtime.settings.structs import OpsSettings
from runtime.stage.watchdog import Watchdog

log.configure("x", as_json=True)
progress = Progress("loop")
Watchdog(Health("x"), progress, OpsSettings(stall=timedelta(seconds=0.8)), SystemClock()).start()
hangs = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), hangs.set()), daemon=True).start()
print("turns", flush=True)
while not hangs.wait(0.05):
    progress.count_turn()

def hang_here():
    select.select([], [], [], 60)

hang_here()
"""


@pytest.mark.certify  # tests/runtime/stage/test_watchdog.py judges a pause of the process without one
def test_a_process_that_was_frozen_lives_on_and_one_that_hangs_ends() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", STAGE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "turns\n"
        process.send_signal(signal.SIGSTOP)
        clock = SystemClock()
        woken = clock.monotonic() + 1
        wait("it was frozen for longer than its patience", lambda: clock.monotonic() > woken)
        process.send_signal(signal.SIGCONT)
        hanging = clock.monotonic() + 0.5
        wait("it runs on", lambda: clock.monotonic() > hanging)
        assert process.poll() is None
        _, log = process.communicate("hang\n", timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == STALLED_EXIT_CODE
    (event,) = [json.loads(line) for line in log.splitlines()]
    assert (event["event"], event["stage"], event["loop"]) == ("stage.stalled", "x", "loop")
    assert event["stack"].endswith("hang_here")


def test_a_router_that_hangs_inside_poll_is_ended(stalling: Settings, tmp_path: Path) -> None:
    blocked = threading.Event()

    class Hanging(Progress):
        def note_position(self, topic: str, partition: int, offset: int) -> None:
            super().note_position(topic, partition, offset)
            blocked.wait(30)  # a callback runs inside poll, which has the client's lock

    put(stalling, "poll")
    router = Router(
        stalling,
        policy(),
        SystemClock(),
        FolderArchive(tmp_path),
        Health("router"),
        Hanging("watchdog"),
    )
    router.start()
    loop, ended = LoopThread(router.turn), list[int]()
    _, dog = watched(stalling, router.progress, ended)
    try:
        assert wait("it is ended", lambda: ended, 10)[0] == STALLED_EXIT_CODE
    finally:
        dog.stop()
        blocked.set()
        loop.stop()
        router.stop()


class HangingCommit:
    """The recorder's real client; a commit does not return, and keeps the client's lock."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.hangs = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._consumer, name)

    def commit(self, **_options: object) -> None:
        self.hangs = True
        self._consumer.poll(30)


def recorder_on(settings: Settings, folder: Path) -> Recorder:
    """Return a recorder on a store of its own."""
    url = f"sqlite:///{folder}/s.db"
    store.migrate(url, MIGRATIONS)
    clock = SystemClock()
    neighbours = Neighbour("Kafka", clock), Neighbour("the store", clock)
    return Recorder(settings, store.engine(url), clock, Health("recorder"), neighbours)


def test_a_recorder_that_hangs_inside_commit_is_ended(stalling: Settings, tmp_path: Path) -> None:
    put(stalling, "commit")
    recorder = recorder_on(stalling, tmp_path)
    client = HangingCommit(recorder._consumer)
    recorder._consumer = client
    recorder.start()
    loop, ended = LoopThread(recorder.turn), list[int]()
    _, dog = watched(stalling, recorder.progress, ended)
    try:
        assert wait("it is ended", lambda: ended, 15)[0] == STALLED_EXIT_CODE
        assert client.hangs
    finally:
        dog.stop()
        client.commit = lambda **_options: None  # type: ignore[method-assign]
        put(stalling, "wakes the poll")
        loop.stop()
        recorder.stop()


def test_a_quiet_recorder_and_a_quiet_router_are_never_reported(
    stalling: Settings, tmp_path: Path
) -> None:
    put(stalling, "quiet")
    end_with_markers(stalling, MESSAGES, DECISIONS)
    recorder = recorder_on(stalling, tmp_path)
    router = Router(stalling, policy(), SystemClock(), FolderArchive(tmp_path), Health("router"))
    ended: list[int] = []
    loops: list[LoopThread] = []
    dogs: list[Watchdog] = []
    healths: list[Health] = []
    for stage in (recorder, router):
        stage.start()
        loops.append(LoopThread(stage.turn))
        wait("it owns its partitions", lambda s=stage: s.progress.notes().positions, 15)  # type: ignore[misc]
        health, dog = watched(stalling, stage.progress, ended)
        healths.append(health)
        dogs.append(dog)
    clock, problems = SystemClock(), dict[str, str]()
    until = clock.monotonic() + 2 * PATIENCE.total_seconds()

    def over() -> bool:
        for health in healths:
            problems.update(health.problems())
        return clock.monotonic() > until

    wait("the quiet is over", over, 30)
    for dog, loop in zip(dogs, loops, strict=True):
        dog.stop()
        loop.stop()
    recorder.stop()
    router.stop()
    assert problems == {}
    assert ended == []


def test_only_a_committed_record_counts_as_unread(stalling: Settings) -> None:
    pulses = (topics.PULSES.name, 0)
    config = {"transactional.id": "unread"}
    producer = Producer(rdkafka_settings(stalling.kafka, **config))
    producer.init_transactions(10)
    backlog = Backlog(stalling.kafka, timedelta(seconds=20))
    assert backlog({pulses: 0}) == backlog({pulses: -1001}) == frozenset()
    producer.begin_transaction()
    producer.produce(*pulses[:1], b"{", b"x", partition=0)
    producer.flush(10)
    assert backlog({pulses: 0}) == frozenset(), "the transaction is open"
    producer.abort_transaction(10)
    assert backlog({pulses: 0}) == frozenset(), "the record is taken back"
    producer.begin_transaction()
    producer.produce(*pulses[:1], b"{", b"x", partition=0)
    producer.commit_transaction(10)
    # The broker writes the marker after its answer.
    wait("the record is committed", lambda: backlog({pulses: 0}) == {pulses}, 10)
    assert backlog({pulses: -1001}) == {pulses}
    record = 2  # after the aborted record and its marker
    assert backlog({pulses: record}) == {pulses}
    assert backlog({pulses: record + 1}) == frozenset(), "a marker is left"
