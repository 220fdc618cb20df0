"""Topics of three brokers, and of a broker that knows its users."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from cli.up.kafka import Broker
from cli.up.ports import free_port
from runtime.bus.backlog import Backlog
from runtime.bus.client_settings import rdkafka_settings
from runtime.health.progress import Partition
from runtime.settings.structs import KafkaSettings, Settings
from runtime.topics.creation import check_created, check_promises, check_topics, create_topics
from schemas import topics
from schemas.errors import ConfigError, Unavailable
from schemas.routing.departments import DEFAULT
from tests.support.cluster.brokers import Brokers
from tests.support.commands import run_on_broker, stage_tokens, start_on_broker
from tests.support.paths import JARS
from tests.support.waiting import wait

pytestmark = pytest.mark.certify

WANTED = topics.all_topics(tuple(DEFAULT))
MESSAGES = topics.MESSAGES.name


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[Brokers]:
    """Three brokers without topics."""
    nodes = Brokers(tmp_path)
    nodes.prepare()
    nodes.start()
    try:
        yield nodes
    finally:
        nodes.stop()


@pytest.fixture
def three(brokers: Brokers, tmp_path: Path) -> Settings:
    """Settings for three brokers in which somebody forgot `replication`."""
    return Settings(home=str(tmp_path), kafka=KafkaSettings(bootstrap=brokers.bootstrap))


def test_topics_with_one_replica_on_three_brokers_are_listed_until_they_have_three(
    three: Settings,
) -> None:
    for replication in ("1", "3"):
        listing = run_on_broker(three, "topics", SANTRAL_KAFKA__REPLICATION=replication)
        assert listing.returncode == 1, listing.stderr
        lines = listing.stdout.splitlines()
        for topic in WANTED:
            (line,) = [
                s for s in lines if s.startswith(f"{topic.name}: replication is 1, should be 3")
            ]
            assert "kafka-reassign-partitions.sh" in line
    check = run_on_broker(three, "check", SANTRAL_KAFKA__REPLICATION="3")
    assert "messages.v1: replication is 1, should be 3" in check.stdout
    refused = run_on_broker(three, "router", SANTRAL_KAFKA__REPLICATION="3")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert line.startswith("error: messages.v1: replication is 1, should be 3 (and ")
    accepting = msgspec.structs.replace(three.kafka, accept_unsafe_topics=True)
    assert check_promises(accepting, WANTED) == []


def test_topics_that_santral_makes_on_three_brokers_are_right(three: Settings) -> None:
    kafka = msgspec.structs.replace(three.kafka, replication=3)
    created, problems = create_topics(kafka, WANTED)
    assert (len(created), problems) == (len(WANTED), [])
    assert check_created(kafka, WANTED, created) == []
    assert check_promises(kafka, WANTED) == []
    listing = run_on_broker(three, "topics", SANTRAL_KAFKA__REPLICATION="3")
    assert (listing.returncode, listing.stdout) == (0, "all topics are as they should be\n")


def test_a_partition_that_lost_its_leader_keeps_no_watchdog_from_seeing_the_others(
    brokers: Brokers, three: Settings
) -> None:
    create_topics(three.kafka, WANTED)
    positions = {(MESSAGES, number): 0 for number in range(three.kafka.partitions)}
    leaders = wait("every partition has a leader", lambda: _leaders(three, len(positions)))
    alive = next(number for number, leader in leaders.items() if leader != leaders[0])
    producer = Producer(rdkafka_settings(three.kafka))
    producer.produce(MESSAGES, b"{", partition=alive)
    assert producer.flush(20) == 0
    brokers.kill(leaders[0])
    wait("partition 0 has lost its leader", lambda: not _leaders(three, len(positions)))
    backlog = Backlog(three.kafka, timedelta(seconds=20))
    wait("the record is seen", lambda: (MESSAGES, alive) in _unread(backlog, positions))


def _leaders(settings: Settings, number: int) -> dict[int, int]:
    """Return the leaders of messages.v1 by partition, none while fewer than `number` have one."""
    topic = AdminClient(rdkafka_settings(settings.kafka)).list_topics(MESSAGES, 10).topics[MESSAGES]
    leaders = {n: partition.leader for n, partition in topic.partitions.items()}
    return leaders if len(leaders) == number and min(leaders.values()) > 0 else {}


def _unread(backlog: Backlog, positions: dict[Partition, int]) -> frozenset[Partition]:
    try:
        return backlog(positions)
    except KafkaException:
        return frozenset()


_USERS = """
listeners=SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=SASL_PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\\
  org.apache.kafka.common.security.plain.PlainLoginModule required \\
  username="santral" password="right" user_santral="right";
"""


@dataclass(frozen=True)
class Secured(Broker):
    """A broker that wants a name and a password."""

    def _properties(self) -> str:
        users = _USERS.format(port=self.port, controller=self.controller_port)
        return super()._properties() + users


def test_a_stage_that_waited_for_kafka_checks_its_topics_once_kafka_is_there(
    tmp_path: Path,
) -> None:
    server = Broker(tmp_path / "kafka", JARS, free_port(), free_port())
    server.prepare()
    settings = Settings(home=str(tmp_path), kafka=KafkaSettings(bootstrap=server.bootstrap))
    stage = start_on_broker(settings, "workers", "--only", "desk", **stage_tokens())
    process: subprocess.Popen[bytes] | None = None
    try:
        assert stage.stderr is not None
        started = stage.stderr.readline()
        assert "stage.started" in started
        process = subprocess.Popen(
            server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        server.wait(lambda: True)
        compacted = NewTopic(MESSAGES, 4, 1, config={"cleanup.policy": "compact"})
        admin = AdminClient(rdkafka_settings(settings.kafka))
        for answer in admin.create_topics([compacted]).values():
            answer.result(30)
        create_topics(settings.kafka, WANTED)
        _, log = stage.communicate(timeout=90)
        assert stage.returncode == 2
        (line,) = [line for line in log.splitlines() if line.startswith("error:")]
        assert line.startswith("error: messages.v1: cleanup.policy is compact")
    finally:
        stage.kill()
        stage.wait()
        if process is not None:
            process.kill()
            process.wait()


def test_a_user_that_kafka_refuses_ends_a_stage_in_one_line(tmp_path: Path) -> None:
    server = Secured(tmp_path / "kafka", JARS, free_port(), free_port())
    server.prepare()
    security = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "santral",
        "sasl.password": "right",
    }
    right = KafkaSettings(bootstrap=server.bootstrap, security=security)
    wrong = msgspec.structs.replace(right, security={**security, "sasl.password": "wrong"})
    config = tmp_path / "santral.toml"
    keys = "".join(f'"{key}" = "{value}"\n' for key, value in wrong.security.items())
    config.write_text(f"[kafka.security]\n{keys}")
    process = subprocess.Popen(
        server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        try:
            check_topics(right, [])
        except (Unavailable, ConfigError):
            return False
        return True

    try:
        wait("the broker answers", answers, 60)
        with pytest.raises(ConfigError, match=r"refuses the user of \[kafka\.security\]"):
            check_topics(wrong, [topics.MESSAGES])
        settings = Settings(home=str(tmp_path), kafka=right)
        refused = run_on_broker(settings, "router", SANTRAL_CONFIG=str(config))
        assert refused.returncode == 2
        (line,) = refused.stderr.splitlines()
        assert line.startswith(f"error: Kafka at {server.bootstrap} refuses the user")
    finally:
        process.kill()
        process.wait()
