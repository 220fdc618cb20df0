"""Compares the topics that a cluster has with those that Santral needs.

runtime/topics/creation.py reads the cluster. A TopicFinding names each difference that costs
something, with the reason and the command that removes it. A topic that is safer than its row in
schemas/topics.py (a longer retention, a higher min.insync.replicas) is right. Pure.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from runtime.settings.structs import KafkaSettings
from schemas.topics import BROKER_MESSAGE_MAX, DAY_MS, AnyTopic

SAFE_REPLICAS = 3
"""Copies with which a cluster of three or more brokers loses one and still takes writes."""
SAFE_IN_SYNC = 2
"""Copies that acknowledge a write before Santral says `accepted`."""
MIN_RETENTION_MS = 3 * DAY_MS
"""A stage may be down for a weekend, and must still find its records."""
INTERNAL = ("__consumer_offsets", "__transaction_state")
"""Kafka's own topics, which every stage relies on."""
MISSING, PARTITIONS = "missing", "partitions"
"""Findings about a topic as such, and not about one of its settings."""
_BROKER_SETTINGS = {
    INTERNAL[0]: ("offsets.topic.replication.factor", "min.insync.replicas"),
    INTERNAL[1]: ("transaction.state.log.replication.factor", "transaction.state.log.min.isr"),
}
"""The settings by which a broker makes its internal topics at their first use."""


@dataclass(frozen=True)
class TopicState:
    """A topic as the cluster has it: the brokers of each partition's replicas, the settings."""

    replicas: tuple[tuple[int, ...], ...]
    config: Mapping[str, str]

    def number(self, setting: str, default: int) -> int:
        """Return a numeric setting."""
        return int(self.config.get(setting, default))


@dataclass(frozen=True)
class ClusterState:
    """The brokers' ids, the topics by name, and the settings of one broker."""

    brokers: tuple[int, ...]
    topics: Mapping[str, TopicState]
    broker_config: Mapping[str, str]


@dataclass(frozen=True)
class TopicFinding:
    """A difference; `unsafe` breaks promise 1, nothing is lost, and keeps a stage from starting."""

    topic: str
    setting: str
    difference: str
    reason: str
    remedy: str
    unsafe: bool = False

    def __str__(self) -> str:
        """Return one line for a person."""
        return f"{self.topic}: {self.difference}. {self.reason} {self.remedy}"


def partitions_of(topic: AnyTopic, kafka: KafkaSettings) -> int:
    """Return how many partitions a topic has in this installation."""
    counts = {"conversation": kafka.partitions, "queue": kafka.queue_partitions, "one": 1}
    return counts[topic.partitions]


def cleanup_policy(topic: AnyTopic) -> str:
    """Return a topic's `cleanup.policy`."""
    if not topic.compact:
        return "delete"
    return "compact,delete" if topic.retention_ms > 0 else "compact"


def min_in_sync(kafka: KafkaSettings, replicas: int) -> int:
    """Return `min.insync.replicas` for a topic with this number of replicas."""
    if kafka.min_insync_replicas:
        return kafka.min_insync_replicas
    return SAFE_IN_SYNC if replicas >= SAFE_REPLICAS else 1


def findings(
    cluster: ClusterState, topics: Sequence[AnyTopic], kafka: KafkaSettings
) -> list[TopicFinding]:
    """Return every difference, our topics first."""
    result: list[TopicFinding] = []
    for topic in topics:
        state = cluster.topics.get(topic.name)
        if state is None:
            result.append(
                TopicFinding(
                    topic.name,
                    MISSING,
                    "is missing",
                    "Nothing can be written to it.",
                    "Run: santral topics",
                    unsafe=True,
                )
            )
            continue
        rules = _Rules(topic.name, state, cluster, kafka)
        result += [*rules.copies(), *_log(topic, rules)]
    for name in INTERNAL:
        state = cluster.topics.get(name)
        if state is None:
            result += _future_internal(name, cluster)
        else:
            result += _Rules(name, state, cluster, kafka).internal_copies()
    return result


class _Rules:
    """The comparisons of one topic."""

    def __init__(
        self, name: str, state: TopicState, cluster: ClusterState, kafka: KafkaSettings
    ) -> None:
        self.name, self.state, self.kafka = name, state, kafka
        self._brokers = cluster.brokers
        self._safe = SAFE_REPLICAS if len(cluster.brokers) >= SAFE_REPLICAS else 1

    def copies(self) -> Iterator[TopicFinding]:
        """Compare replication, min.insync.replicas and unclean election of one of our topics."""
        due = max(self.kafka.replication, self._safe)
        replicas = min(map(len, self.state.replicas))
        if replicas < due:
            yield self._too_few_replicas(
                due, "One lost disk loses accepted messages (promise 1).", replicas < self._safe
            )
        in_sync = self.state.number("min.insync.replicas", 1)
        safe = SAFE_IN_SYNC if self._safe > 1 else 1
        wanted = max(min_in_sync(self.kafka, due), safe)
        if in_sync < wanted:
            yield self.differs(
                "min.insync.replicas",
                str(wanted),
                "A message counts as accepted on fewer disks than the settings promise "
                "(promise 1).",
                unsafe=in_sync < safe,
            )
        elif in_sync >= replicas and in_sync > 1:
            yield self.differs(
                "min.insync.replicas",
                str(max(safe, min(wanted, replicas - 1))),
                "One broker away stops all writes.",
            )
        if self.state.config.get("unclean.leader.election.enable") == "true":
            yield self.differs(
                "unclean.leader.election.enable",
                "false",
                "A broker that missed messages may become the leader, and the others then drop "
                "them (promise 1).",
                unsafe=self._safe > 1,
            )

    def internal_copies(self) -> Iterator[TopicFinding]:
        """Compare the copies of one of Kafka's own topics."""
        if min(map(len, self.state.replicas)) < self._safe:
            yield self._too_few_replicas(self._safe, _internal_reason(self.name), unsafe=False)
        if self._safe > 1 and self.state.number("min.insync.replicas", 1) < SAFE_IN_SYNC:
            yield self.differs(
                "min.insync.replicas", str(SAFE_IN_SYNC), _internal_reason(self.name)
            )

    def differs(self, setting: str, due: str, reason: str, *, unsafe: bool = False) -> TopicFinding:
        """Return the finding for one setting, with the command that sets it."""
        present = self.state.config.get(setting, "unset")
        value = f"[{due}]" if "," in due else due
        command = [
            "kafka-configs.sh",
            *_connection(self.kafka),
            "--alter",
            "--entity-type",
            "topics",
            "--entity-name",
            self.name,
            "--add-config",
            f"{setting}={value}",
        ]
        return TopicFinding(
            self.name,
            setting,
            f"{setting} is {present}, should be {due}",
            reason,
            f"Run: {shlex.join(command)}",
            unsafe,
        )

    def _too_few_replicas(self, due: int, reason: str, unsafe: bool) -> TopicFinding:
        replicas = min(map(len, self.state.replicas))
        difference = f"replication is {replicas}, should be {due}"
        if len(self._brokers) < due:
            remedy = (
                f"The cluster has {len(self._brokers)} brokers: add some, or set `replication` in "
                "[kafka] to what it can keep."
            )
            return TopicFinding(self.name, "replication", difference, reason, remedy, unsafe)
        plan = json.dumps(self._reassignment(due), separators=(",", ":"))
        command = [
            "kafka-reassign-partitions.sh",
            *_connection(self.kafka),
            "--reassignment-json-file",
            f"{self.name}.json",
            "--execute",
        ]
        remedy = f"Run: echo {shlex.quote(plan)} > {self.name}.json && {shlex.join(command)}"
        return TopicFinding(self.name, "replication", difference, reason, remedy, unsafe)

    def _reassignment(self, due: int) -> dict[str, object]:
        """Return Kafka's plan for more replicas: the present ones stay, the leader stays first."""
        partitions = []
        for number, present in enumerate(self.state.replicas):
            shift = number % len(self._brokers)
            others = [b for b in self._brokers[shift:] + self._brokers[:shift] if b not in present]
            replicas = [*present, *others][: max(due, len(present))]
            partitions.append({"topic": self.name, "partition": number, "replicas": replicas})
        return {"version": 1, "partitions": partitions}


def _log(topic: AnyTopic, rules: _Rules) -> Iterator[TopicFinding]:
    """Compare what a topic keeps, and how large a record it takes."""
    state = rules.state
    due = partitions_of(topic, rules.kafka)
    if len(state.replicas) != due:
        yield TopicFinding(
            topic.name,
            PARTITIONS,
            f"has {len(state.replicas)} partitions, the settings say {due}",
            "Another number of partitions would move conversations.",
            "Set the number that it has in [kafka].",
        )
    policy = set(state.config.get("cleanup.policy", "delete").split(","))
    if topic.compact != ("compact" in policy):
        reason = (
            "Without compaction its readers read every old value at each start."
            if topic.compact
            else "Compaction drops all records of a key but the newest (promise 1)."
        )
        yield rules.differs(
            "cleanup.policy", cleanup_policy(topic), reason, unsafe=not topic.compact
        )
    if "delete" in policy:
        yield from _retention(topic, rules)
    if topic.compact and topic.retention_ms > 0:
        lag_ms = state.number("min.compaction.lag.ms", 0)
        if lag_ms < DAY_MS:
            yield rules.differs(
                "min.compaction.lag.ms",
                str(DAY_MS),
                "Readers need every record of the last day, not only the newest.",
            )
    if state.number("max.message.bytes", BROKER_MESSAGE_MAX) < BROKER_MESSAGE_MAX:
        yield rules.differs(
            "max.message.bytes",
            str(BROKER_MESSAGE_MAX),
            "A long message would be refused again and again, and its stage would not get past it.",
        )


def _retention(topic: AnyTopic, rules: _Rules) -> Iterator[TopicFinding]:
    due = topic.retention_ms
    kept_ms = rules.state.number("retention.ms", due)
    if kept_ms >= 0 and (due < 0 or kept_ms < due):
        yield rules.differs(
            "retention.ms",
            str(due),
            f"Records go after {_duration(kept_ms)}: the store and Redis are rebuilt from them "
            "(promise 4), and a stage that was away for longer never reads them.",
            unsafe=kept_ms < MIN_RETENTION_MS,
        )
    if rules.state.number("retention.bytes", -1) >= 0:
        yield rules.differs(
            "retention.bytes",
            "-1",
            "A busy day would delete records before their time, unread ones included.",
        )


def _duration(milliseconds: int) -> str:
    hours = milliseconds / 3_600_000
    return f"{hours / 24:.0f} days" if hours >= 48 else f"{hours:.1f} hours"


def _internal_reason(name: str) -> str:
    if name == INTERNAL[0]:
        return "One dead broker takes the positions of all readers with it."
    return "One dead broker stops every transaction, and so the router."


def _future_internal(name: str, cluster: ClusterState) -> Iterator[TopicFinding]:
    """Compare the settings by which the brokers will make an internal topic."""
    if len(cluster.brokers) < SAFE_REPLICAS:
        return
    for setting, due in zip(_BROKER_SETTINGS[name], (SAFE_REPLICAS, SAFE_IN_SYNC), strict=True):
        present = cluster.broker_config.get(setting)
        if present is not None and int(present) < due:
            yield TopicFinding(
                name,
                setting,
                f"the brokers make it with {setting}={present}, should be {due}",
                _internal_reason(name),
                f"Set {setting}={due} in every broker's server.properties, and restart them one "
                "by one.",
            )


def _connection(kafka: KafkaSettings) -> list[str]:
    """Return the arguments by which Kafka's tools reach the cluster."""
    options = ["--bootstrap-server", kafka.bootstrap]
    return [*options, "--command-config", "client.properties"] if kafka.security else options
