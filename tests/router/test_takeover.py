"""The router when Kafka is away, when a router died in a transaction, and when two share a name."""

import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from cli.up.kafka import Broker
from cli.up.ports import free_port
from router.membership import GROUP, INPUTS
from router.run import Router
from router.takeover import end_open_transactions, make_signature
from runtime.archive.folder_archive import FolderArchive
from runtime.bus.client_settings import rdkafka_settings
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.settings.structs import KafkaSettings, Settings
from runtime.topics.creation import create_topics
from schemas import topics
from schemas.routing.departments import DEFAULT
from tests.support.messages import policy
from tests.support.paths import JARS
from tests.support.router.router_input import put_messages
from tests.support.router.routing import Items, RouterProcess, RouterTraffic, is_pending
from tests.support.servers.broker import start_broker
from tests.support.waiting import wait


@pytest.fixture(scope="module")
def shared() -> Iterator[Settings]:
    """One broker for the tests that leave no open transaction behind."""
    with start_broker() as settings:
        yield settings


class LateBroker:
    """A broker that starts, and ends by a signal, when a test says so."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="broker-"))
        self._broker = Broker(self._home / "kafka", JARS, free_port(), free_port())
        self._broker.prepare()
        self._process: subprocess.Popen[bytes] | None = None
        self.settings = msgspec.structs.replace(
            Settings(), home=str(self._home), kafka=KafkaSettings(bootstrap=self._broker.bootstrap)
        )

    def start(self) -> None:
        """Start it, with every topic."""
        process = subprocess.Popen(
            self._broker.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._process = process
        self._broker.wait(lambda: process.poll() is None)
        create_topics(self.settings.kafka, topics.all_topics(tuple(DEFAULT)))

    def kill(self) -> None:
        """End it at once; its data stays."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        """End it and remove its data."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._home, ignore_errors=True)


@pytest.fixture
def late() -> Iterator[LateBroker]:
    """A broker that does not run yet."""
    late_broker = LateBroker()
    yield late_broker
    late_broker.remove()


class Routers:
    """Routers of this process, each in a thread of its own."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self.health: list[Health] = []
        self.routers: list[Router] = []
        self.failures: list[BaseException] = []

    def start(self, settings: Settings) -> Router:
        """Start one."""
        health = Health("router")
        archive = FolderArchive(settings.archive_path)
        router = Router(settings, policy(), SystemClock(), archive, health)
        thread = threading.Thread(target=self._run, args=(router,), daemon=True)
        self.health.append(health)
        self.routers.append(router)
        self._threads.append(thread)
        thread.start()
        return router

    def _run(self, router: Router) -> None:
        try:
            router.watch()
            router.start()
            while not router.stopping.is_set():
                router.turn()
            router.stop()
        except BaseException as error:
            self.failures.append(error)
            raise

    def stop(self) -> None:
        """Stop all; none of them may have failed."""
        for router in self.routers:
            router.stopping.set()
        for thread in self._threads:
            thread.join(20)
        assert self.failures == []


@pytest.fixture
def routers() -> Iterator[Routers]:
    """Routers that stop with the test."""
    started = Routers()
    yield started
    started.stop()


def member(settings: Settings, name: str) -> Consumer:
    """Return a consumer of the routers' group under a name."""
    return Consumer(rdkafka_settings(settings.kafka, **{"group.id": GROUP, "client.id": name}))


def open_transaction(settings: Settings, name: str, consumer: Consumer) -> Producer:
    """Leave a transaction of a router of that name open on every partition, with an item in it."""
    producer = Producer(rdkafka_settings(settings.kafka, **{"transactional.id": name}))
    places = [
        TopicPartition(topic, number, 0, make_signature(name, "life"))
        for topic in INPUTS
        for number in range(settings.kafka.partitions)
    ]
    producer.init_transactions(20)
    for commits in (True, False):
        producer.begin_transaction()
        producer.send_offsets_to_transaction(places, consumer.consumer_group_metadata(), 10)
        if commits:
            producer.commit_transaction(10)
    producer.produce(topics.queue_topic("billing"), b"never to be read", b"x")
    producer.flush(10)
    return producer


def test_a_dead_routers_open_transaction_is_ended_at_once(
    shared: Settings, routers: Routers
) -> None:
    dead = open_transaction(shared, "santral-router-dead-0", member(shared, "other"))
    items = Items(shared).start()
    sent = put_messages(shared, 20)
    assert is_pending(shared)
    routers.start(shared)
    # The broker by itself would end it after 60 seconds.
    wait("20 items", lambda: len(items.arrivals) >= 20, 15)
    items.stop()
    assert {identifier for _, identifier, _, _ in items.arrivals} == {m.id for m in sent}
    with pytest.raises(KafkaException) as failure:
        dead.commit_transaction(10)
    assert failure.value.args[0].code() == KafkaError._FENCED


def test_a_live_routers_open_transaction_is_left_alone(shared: Settings) -> None:
    consumer = member(shared, "santral-router-live-0")
    consumer.subscribe(list(INPUTS))
    wait("it is a member", lambda: consumer.poll(0.1) or consumer.assignment())
    live = open_transaction(shared, "santral-router-live-0", consumer)
    assert end_open_transactions(shared.kafka, GROUP, consumer.assignment()) == []
    live.abort_transaction(10)
    consumer.close()


@pytest.mark.certify
def test_two_routers_of_one_name_share_the_work_and_one_says_so(
    shared: Settings, routers: Routers, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    kafka = msgspec.structs.replace(shared.kafka, instance="same")
    for home in ("one", "two"):
        routers.start(msgspec.structs.replace(shared, home=str(tmp_path / home), kafka=kafka))
    wait("one has another name", lambda: len({r.identity.name for r in routers.routers}) == 2)
    traffic, items = RouterTraffic(shared, 100).start(), Items(shared).start()
    wait(
        "both have partitions",
        lambda: all(r.loop and r.loop.membership.numbers() for r in routers.routers),
    )
    names = {r.identity.name for r in routers.routers}
    traffic.stop()
    items.check(traffic)
    items.stop()
    assert {r.identity.name for r in routers.routers} == names, "the names rest"
    assert "identity.taken" in "".join(capfd.readouterr())


@pytest.mark.certify
def test_a_rebalance_restores_only_states_that_another_router_may_have_changed(
    shared: Settings, routers: Routers, capfd: pytest.CaptureFixture[str]
) -> None:
    traffic, items = RouterTraffic(shared, 100).start(), Items(shared).start()
    first = routers.start(shared)
    wait("it decides", lambda: len(items.arrivals) > 40)
    second = routers.start(shared)
    wait("both own two", lambda: owned(first) == owned(second) == 2)
    second.stopping.set()
    wait("the first owns all", lambda: owned(first) == 4)
    traffic.stop()
    items.check(traffic)
    items.stop()
    # The second restores two; the first restores four, and later the two that come back.
    assert restored("".join(capfd.readouterr())) == [4, 2, 2]


def owned(router: Router) -> int:
    """Return how many partitions a router owns."""
    return len(router.loop.membership.numbers()) if router.loop else 0


def restored(log: str) -> list[int]:
    """Return the numbers of partitions that routers restored, in order."""
    return [int(n) for n in re.findall(r"state.restored.*?partitions=.*?(\d+)(?=\D)", log)]


def test_a_router_that_starts_without_kafka_waits_for_it(
    late: LateBroker, routers: Routers
) -> None:
    routers.start(late.settings)
    (health,) = routers.health
    wait("it says so", lambda: "Kafka at" in health.problems().get("kafka", ""))
    late.start()
    items = Items(late.settings).start()
    put_messages(late.settings, 20)
    wait("20 items", lambda: len(items.arrivals) >= 20, 10)
    items.stop()
    wait("it is ready", lambda: "kafka" not in health.problems(), 10)


@pytest.fixture
def processes(late: LateBroker, tmp_path: Path) -> Iterator[list[RouterProcess]]:
    """Two supervised router processes on a broker."""
    late.start()
    routers = [
        RouterProcess(late.settings, tmp_path / f"router{n}.log", restart=n == 0) for n in range(2)
    ]
    yield routers
    for process in routers:
        process.stop()


@pytest.fixture
def flow(late: LateBroker, processes: list[RouterProcess]) -> Iterator[tuple[RouterTraffic, Items]]:
    """Traffic that both routers decide."""
    items, traffic = Items(late.settings).start(), RouterTraffic(late.settings, 60).start()
    wait("both decide", lambda: all("partitions.assigned" in p.log() for p in processes), 60)
    wait("items come", lambda: len(items.arrivals) > 100, 60)
    yield traffic, items
    items.stop()


@pytest.mark.certify
@pytest.mark.parametrize("number", (0, 1), ids=("restarted", "gone"))
def test_a_killed_routers_partitions_pause_for_less_than_12_seconds(
    processes: list[RouterProcess], flow: tuple[RouterTraffic, Items], number: int
) -> None:
    traffic, items = flow
    since = time.monotonic()
    processes[number].freeze_in_transaction()
    processes[number].send(signal.SIGKILL)
    wait("the time is over", lambda: time.monotonic() - since > 25, 30)
    traffic.stop()
    items.check(traffic)
    assert items.gap(since, lambda conversation: traffic.partitions[conversation]) < 12


@pytest.mark.certify
def test_a_router_that_was_frozen_in_a_transaction_is_fenced_and_joins_again(
    processes: list[RouterProcess], flow: tuple[RouterTraffic, Items]
) -> None:
    traffic, items = flow
    since = time.monotonic()
    processes[1].freeze_in_transaction()
    wait("another took over", lambda: time.monotonic() - since > 15, 20)
    joins = processes[1].log().count("partitions.assigned")
    processes[1].send(signal.SIGCONT)
    wait("it joins again", lambda: processes[1].log().count("partitions.assigned") > joins)
    traffic.stop()
    items.check(traffic)
    assert [p.exits for p in processes] == [[], []]


@pytest.mark.certify
@pytest.mark.parametrize("seconds", (25, 60))
def test_no_router_ends_while_kafka_is_away_and_flow_is_soon_back(
    late: LateBroker,
    processes: list[RouterProcess],
    flow: tuple[RouterTraffic, Items],
    seconds: float,
) -> None:
    traffic, items = flow
    late.kill()
    since = time.monotonic()
    wait("the outage is over", lambda: time.monotonic() - since > seconds, seconds + 5)
    before = len(items.arrivals)
    late.start()
    wait("items come again", lambda: len(items.arrivals) > before, 10)
    traffic.stop()
    items.check(traffic)
    assert [p.exits for p in processes] == [[], []]
