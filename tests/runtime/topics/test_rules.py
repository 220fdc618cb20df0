"""The comparison of a cluster's topics with what Santral needs."""

import json
import re
from collections.abc import Mapping

import msgspec
import pytest

from runtime.settings.structs import KafkaSettings
from runtime.topics.rules import (
    INTERNAL,
    ClusterState,
    TopicFinding,
    TopicState,
    cleanup_policy,
    findings,
    partitions_of,
)
from schemas import topics
from schemas.topics import BROKER_MESSAGE_MAX, DAY_MS, AnyTopic

PRODUCTION = KafkaSettings(bootstrap="b1:9092", replication=3)
WANTED = (topics.MESSAGES, topics.CONVERSATIONS, topics.DELIVERIES)
SAFE_INTERNAL = {"min.insync.replicas": "2"}


def right(topic: AnyTopic, kafka: KafkaSettings, replicas: tuple[int, ...]) -> TopicState:
    """Return a topic as Santral makes it."""
    config = {
        "cleanup.policy": cleanup_policy(topic),
        "retention.ms": str(topic.retention_ms),
        "retention.bytes": "-1",
        "max.message.bytes": str(BROKER_MESSAGE_MAX),
        "min.insync.replicas": "2" if len(replicas) > 2 else "1",
        "unclean.leader.election.enable": "false",
        "min.compaction.lag.ms": str(DAY_MS),
    }
    return TopicState((replicas,) * partitions_of(topic, kafka), config)


def cluster(
    brokers: int = 3,
    replicas: tuple[int, ...] = (1, 2, 3),
    kafka: KafkaSettings = PRODUCTION,
    broker_config: Mapping[str, str] | None = None,
    **changed: TopicState,
) -> ClusterState:
    """Return a cluster with right topics, some replaced: `messages=` for messages.v1."""
    states = {t.name: right(t, kafka, replicas) for t in WANTED}
    states |= {name: TopicState((replicas,) * 4, SAFE_INTERNAL) for name in INTERNAL}
    states |= {f"{name}.v1": state for name, state in changed.items()}
    return ClusterState(tuple(range(1, brokers + 1)), states, broker_config or {})


def with_setting(
    setting: str, value: str, topic: AnyTopic = topics.MESSAGES
) -> dict[str, TopicState]:
    """Return the argument of `cluster` for one topic with another setting."""
    state = right(topic, PRODUCTION, (1, 2, 3))
    config = {**state.config, setting: value}
    return {topic.name.removesuffix(".v1"): TopicState(state.replicas, config)}


def only(results: list[TopicFinding]) -> TopicFinding:
    """Return the one finding."""
    (finding,) = results
    return finding


def test_topics_as_santral_makes_them_are_no_finding() -> None:
    assert findings(cluster(), WANTED, PRODUCTION) == []
    local = KafkaSettings()
    assert findings(cluster(1, (1,), local), WANTED, local) == []


@pytest.mark.parametrize("replication", [1, 3])
def test_one_replica_on_three_brokers_is_unsafe_with_any_settings(replication: int) -> None:
    kafka = msgspec.structs.replace(PRODUCTION, replication=replication)
    lonely = right(topics.MESSAGES, kafka, (2,))
    results = findings(cluster(kafka=kafka, messages=lonely), WANTED, kafka)
    assert {f.setting: f.unsafe for f in results} == {
        "replication": True,
        "min.insync.replicas": True,
    }
    line = str(results[0])
    assert "messages.v1: replication is 1, should be 3." in line
    assert "promise 1" in line
    plan = re.search(r"echo '(.*)' > messages\.v1\.json && kafka-reassign-partitions\.sh", line)
    assert plan is not None
    partitions = json.loads(plan[1])["partitions"]
    assert [p["partition"] for p in partitions] == [0, 1, 2, 3]
    assert {p["replicas"][0] for p in partitions} == {2}, "the leader stays"
    assert all(sorted(p["replicas"]) == [1, 2, 3] for p in partitions)
    assert "--bootstrap-server b1:9092" in line


def test_one_topic_of_two_brokers_is_compared_with_the_settings_alone() -> None:
    kafka = KafkaSettings(replication=1)
    assert findings(cluster(2, (1,), kafka), WANTED, kafka) == []
    kafka = KafkaSettings(replication=2)
    results = findings(cluster(2, (1,), kafka), WANTED, kafka)
    assert {(f.setting, f.unsafe) for f in results} == {("replication", False)}


@pytest.mark.parametrize(
    ("setting", "value", "unsafe"),
    [
        ("min.insync.replicas", "1", True),
        ("unclean.leader.election.enable", "true", True),
        ("cleanup.policy", "compact", True),
        ("cleanup.policy", "compact,delete", True),
        ("retention.ms", str(30 * DAY_MS), False),
        ("retention.ms", "3600000", True),
        ("retention.bytes", "1000000000", False),
        ("max.message.bytes", "1000000", False),
        ("min.insync.replicas", "3", False),
    ],
)
def test_a_setting_that_costs_something_is_a_finding_with_its_command(
    setting: str, value: str, unsafe: bool
) -> None:
    result = only(findings(cluster(**with_setting(setting, value)), WANTED, PRODUCTION))
    assert (result.setting, result.unsafe) == (setting, unsafe)
    line = str(result)
    assert f"messages.v1: {setting} is {value}, should be " in line
    assert (
        "Run: kafka-configs.sh --bootstrap-server b1:9092 --alter --entity-type topics "
        f"--entity-name messages.v1 --add-config {setting}="
    ) in line


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("retention.ms", "-1"),
        ("retention.ms", str(365 * DAY_MS)),
        ("max.message.bytes", str(8 * BROKER_MESSAGE_MAX)),
    ],
)
def test_a_setting_that_is_safer_than_needed_is_no_finding(setting: str, value: str) -> None:
    assert findings(cluster(**with_setting(setting, value)), WANTED, PRODUCTION) == []


def test_more_replicas_and_a_higher_min_isr_below_them_are_no_finding() -> None:
    state = right(topics.MESSAGES, PRODUCTION, (1, 2, 3, 4, 5))
    strict = TopicState(state.replicas, {**state.config, "min.insync.replicas": "3"})
    assert findings(cluster(5, messages=strict), WANTED, PRODUCTION) == []


def test_min_isr_is_two_by_default_and_a_setting_can_raise_it() -> None:
    five = msgspec.structs.replace(PRODUCTION, replication=5)
    state = cluster(5, (1, 2, 3, 4, 5), five)
    assert findings(state, WANTED, five) == []
    strict = msgspec.structs.replace(five, min_insync_replicas=3)
    results = findings(state, WANTED, strict)
    assert {(f.setting, f.unsafe) for f in results} == {("min.insync.replicas", False)}


def test_memory_without_compaction_and_memory_that_expires_are_findings() -> None:
    deleting = with_setting("cleanup.policy", "delete", topics.CONVERSATIONS)
    assert only(findings(cluster(**deleting), WANTED, PRODUCTION)).setting == "cleanup.policy"
    expiring = with_setting("retention.ms", str(DAY_MS), topics.DELIVERIES)
    assert only(findings(cluster(**expiring), WANTED, PRODUCTION)).setting == "retention.ms"
    hasty = with_setting("min.compaction.lag.ms", "0", topics.DELIVERIES)
    assert only(findings(cluster(**hasty), WANTED, PRODUCTION)).setting == "min.compaction.lag.ms"


def test_kafkas_own_topics_are_compared_and_keep_no_stage_from_starting() -> None:
    lonely = TopicState(((1,),) * 4, {"min.insync.replicas": "1"})
    state = cluster()
    states = {**state.topics, INTERNAL[1]: lonely}
    results = findings(ClusterState(state.brokers, states, {}), WANTED, PRODUCTION)
    assert [(f.topic, f.setting, f.unsafe) for f in results] == [
        ("__transaction_state", "replication", False),
        ("__transaction_state", "min.insync.replicas", False),
    ]


def test_kafkas_own_topics_are_judged_by_the_brokers_settings_before_they_exist() -> None:
    state = cluster()
    ours = {t.name: state.topics[t.name] for t in WANTED}
    config = {"offsets.topic.replication.factor": "1", "min.insync.replicas": "2"}
    result = only(findings(ClusterState(state.brokers, ours, config), WANTED, PRODUCTION))
    assert result.topic == "__consumer_offsets"
    assert "offsets.topic.replication.factor=1, should be 3" in str(result)
    assert findings(ClusterState((1,), ours, config), (), KafkaSettings()) == []


def test_a_missing_topic_and_another_number_of_partitions_are_findings() -> None:
    short = TopicState(((1, 2, 3),) * 2, right(topics.MESSAGES, PRODUCTION, (1, 2, 3)).config)
    result = only(findings(cluster(messages=short), WANTED, PRODUCTION))
    assert (result.setting, result.unsafe) == ("partitions", False)
    result = only(findings(cluster(), (*WANTED, topics.DEAD), PRODUCTION))
    assert (result.topic, result.unsafe) == ("dead.v1", True)
    assert "santral topics" in str(result)
