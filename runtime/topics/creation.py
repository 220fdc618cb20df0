"""Creates the topics of schemas/topics.py, and reads how the cluster keeps them.

`santral topics` and `santral check` list the findings of runtime/topics/rules.py, and a stage
refuses to start if one breaks promise 1.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ClusterMetadata,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from runtime.bus.client_settings import rdkafka_settings
from runtime.health.endings import describe_ending
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from runtime.topics.rules import (
    INTERNAL,
    MISSING,
    ClusterState,
    TopicFinding,
    TopicState,
    cleanup_policy,
    findings,
    min_in_sync,
    partitions_of,
)
from schemas.errors import ConfigError, Problem, Unavailable
from schemas.topics import BROKER_MESSAGE_MAX, DAY_MS, AnyTopic

log = get(__name__)

_REQUEST_TIMEOUT_S = 10.0
_TRY_S = 2.0  # between two tries the reason of a refusal is read
_RETRY_S = 2.0
_PAUSE_S = 0.2
_FORBIDDEN = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED)
_ACCEPT = "set `accept_unsafe_topics = true` in [kafka]"
_REFUSED = 2
"""Exit code of a stage whose settings or topics are wrong."""


class Forbidden(ConfigError):
    """Kafka does not show this user the settings of topics."""


def create_topics(
    kafka: KafkaSettings, topics: Sequence[AnyTopic]
) -> tuple[list[str], list[Problem]]:
    """Create the topics that are missing; return their names, and those that can't be created.

    Raises Unavailable when the broker does not answer.
    """
    admin = _Admin(kafka)
    present = admin.metadata().topics
    missing = [t for t in topics if t.name not in present]
    created: list[str] = []
    problems: list[Problem] = []
    requests = (
        admin.client.create_topics([_new_topic(t, kafka) for t in missing]) if missing else {}
    )
    for name, request in requests.items():
        try:
            request.result(2 * _REQUEST_TIMEOUT_S)
            created.append(name)
        except TimeoutError as error:
            raise Unavailable(f"Kafka at {kafka.bootstrap} does not answer.") from error
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                problems.append(Problem(f"{name}: cannot be created: {error.args[0].str()}"))
    return created, problems


def check_topics(kafka: KafkaSettings, topics: Sequence[AnyTopic]) -> list[TopicFinding]:
    """Return how the cluster's topics differ from what Santral needs.

    Raises Unavailable when the broker does not answer, ConfigError when it refuses the user or
    shows it no settings (Forbidden).
    """
    return findings(read_cluster(kafka, [t.name for t in topics]), topics, kafka)


def check_created(
    kafka: KafkaSettings, topics: Sequence[AnyTopic], created: Sequence[str]
) -> list[TopicFinding]:
    """Return the same right after `create_topics`: brokers take a moment to show a new topic."""
    deadline = time.monotonic() + _REQUEST_TIMEOUT_S
    while True:
        result = check_topics(kafka, topics)
        hidden = [f for f in result if f.setting == MISSING and f.topic in created]
        if not hidden or time.monotonic() > deadline:
            return result
        time.sleep(_PAUSE_S)


def check_promises(
    kafka: KafkaSettings, topics: Sequence[AnyTopic], *, patient: bool = False
) -> list[Problem]:
    """Return the problems for which a stage must not start; warn of those that are accepted.

    Raises Unavailable when the broker does not answer (call it again later), and with `patient`
    also when it has no such topic yet: a new Kafka gets its topics a moment after its start. Raises
    ConfigError when the broker refuses the user.
    """
    try:
        unsafe = [f for f in check_topics(kafka, topics) if f.unsafe]
    except Forbidden as error:
        log.warning("topics.unchecked", why=str(error))
        return []
    missing = [f.topic for f in unsafe if f.setting == MISSING]
    present = [f for f in unsafe if f.setting != MISSING]
    problems: list[Problem] = []
    if missing:
        text = f"Kafka has no topic {', '.join(missing)}. Run `santral topics`."
        if patient:
            raise Unavailable(text)
        problems.append(Problem(text))
    if kafka.accept_unsafe_topics:
        for finding in present:
            log.warning("topic.unsafe", topic=finding.topic, difference=finding.difference)
    elif present:
        first, others = present[0], len(present) - 1
        more = f" (and {others} more)" if others else ""
        problems.append(
            Problem(
                f"{first.topic}: {first.difference}{more}. {first.reason} `santral topics` lists "
                f"the commands that change it. To start all the same, {_ACCEPT}."
            )
        )
    return problems


def check_at_start(kafka: KafkaSettings, topics: Sequence[AnyTopic], *, answers: bool) -> None:
    """Check the topics of a stage that starts; raise ConfigError for what must not run.

    While Kafka is away (`answers` is false) a thread waits for it and then checks: a stage that
    must not run ends with one line and exit code 2.
    """
    _Admin(kafka)
    if answers:
        with contextlib.suppress(Unavailable):
            if problems := _lasting_problems(kafka, topics):
                raise ConfigError(problems)
            return
    threading.Thread(target=_check_later, args=(kafka, topics), name="topics", daemon=True).start()


def _lasting_problems(kafka: KafkaSettings, topics: Sequence[AnyTopic]) -> list[Problem]:
    """Return the problems that a second look confirms: a broker may not know a new topic yet."""
    problems = check_promises(kafka, topics)
    if problems:
        time.sleep(_RETRY_S)
        problems = check_promises(kafka, topics)
    return problems


def _check_later(kafka: KafkaSettings, topics: Sequence[AnyTopic]) -> None:
    while True:
        try:
            problems = check_promises(kafka, topics, patient=True)
        except Unavailable:
            time.sleep(_RETRY_S)
            continue
        except ConfigError as error:
            problems = error.problems
        if problems:
            sys.stderr.write("".join(f"error: {problem}\n" for problem in problems))
            os._exit(_REFUSED)
        return


def read_cluster(kafka: KafkaSettings, names: Sequence[str]) -> ClusterState:
    """Return the state of these topics and of Kafka's own.

    Raises Unavailable without an answer, Forbidden where this user may not see the settings.
    """
    admin = _Admin(kafka)
    metadata = admin.metadata()
    present = [n for n in (*names, *INTERNAL) if n in metadata.topics]
    brokers = tuple(sorted(metadata.brokers))
    if not brokers:  # a broker that was frozen or began a moment ago does not list itself yet
        raise Unavailable(f"Kafka at {kafka.bootstrap} lists no broker yet: try again")
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in present]
    broker = ConfigResource(ResourceType.BROKER, str(brokers[0]))
    answers = admin.client.describe_configs(
        [*resources, broker], request_timeout=_REQUEST_TIMEOUT_S
    )
    broker_config: Mapping[str, str] = {}
    with contextlib.suppress(Forbidden):  # it matters for topics that the brokers will make
        broker_config = _config(answers[broker], kafka)
    configs = {resource.name: _config(answers[resource], kafka) for resource in resources}
    # A broker may know a topic before it knows its settings.
    present = [name for name in present if configs[name]]
    states = {
        name: TopicState(
            tuple(
                tuple(partition.replicas)
                for _, partition in sorted(metadata.topics[name].partitions.items())
            ),
            configs[name],
        )
        for name in present
    }
    return ClusterState(brokers, states, broker_config)


class _Admin:
    """A client for topics, and the reason when Kafka refuses its user.

    Raises ConfigError for a setting that librdkafka does not know.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._refusals: list[str] = []
        options = {"socket.timeout.ms": 10_000, "error_cb": self._note}
        try:
            self.client = AdminClient(rdkafka_settings(kafka, **options))
        except KafkaException as error:
            reason = describe_ending(error)
            raise ConfigError([Problem(reason or str(error))]) from error

    def _note(self, error: KafkaError) -> None:
        if error.code() == KafkaError._AUTHENTICATION:
            self._refusals.append(error.str())

    def metadata(self) -> ClusterMetadata:
        """Return the brokers and topics.

        Raises Unavailable without an answer, ConfigError when Kafka refuses the user.
        """
        deadline = time.monotonic() + _REQUEST_TIMEOUT_S
        while True:
            try:
                return self.client.list_topics(timeout=_TRY_S)
            except KafkaException as error:
                self.client.poll(0.2)
                if self._refusals:
                    raise self._refused() from error
                if time.monotonic() > deadline:
                    raise _away(self._kafka, error) from error

    def _refused(self) -> ConfigError:
        text = (
            f"Kafka at {self._kafka.bootstrap} refuses the user of [kafka.security]: "
            f"{self._refusals[-1]}. Correct name and password."
        )
        return ConfigError([Problem(text)])


def _away(kafka: KafkaSettings, error: KafkaException) -> Unavailable:
    return Unavailable(
        f"Kafka at {kafka.bootstrap} does not answer ({error.args[0].str()}). Start it, or set "
        "`bootstrap` in [kafka]."
    )


def _config(answer: Future[Mapping[str, ConfigEntry]], kafka: KafkaSettings) -> dict[str, str]:
    try:
        entries = answer.result(2 * _REQUEST_TIMEOUT_S)
    except TimeoutError as error:
        raise Unavailable(f"Kafka at {kafka.bootstrap} does not answer.") from error
    except KafkaException as error:
        reason = error.args[0]
        if reason.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return {}
        if reason.code() in _FORBIDDEN:
            raise Forbidden(
                [
                    Problem(
                        f"Kafka at {kafka.bootstrap} shows no settings of topics ({reason.str()}). "
                        "The user of [kafka.security] needs DescribeConfigs on topics."
                    )
                ]
            ) from error
        raise _away(kafka, error) from error
    return {name: entry.value for name, entry in entries.items() if entry.value is not None}


def _new_topic(topic: AnyTopic, kafka: KafkaSettings) -> NewTopic:
    config = {
        "cleanup.policy": cleanup_policy(topic),
        "retention.ms": str(topic.retention_ms),
        "max.message.bytes": str(BROKER_MESSAGE_MAX),
        "min.insync.replicas": str(min_in_sync(kafka, kafka.replication)),
        "unclean.leader.election.enable": "false",
    }
    if topic.compact:
        # Memory is read whole at every assignment: keep the dirty part of the log small.
        config |= {"segment.bytes": str(64 * 1024 * 1024), "min.cleanable.dirty.ratio": "0.3"}
        if topic.retention_ms > 0:
            # The order of the last day's records decides who sends a reply: keep all of them.
            config["min.compaction.lag.ms"] = str(DAY_MS)
    if topic.eager:
        # A reader sees every tombstone if it reads the topic within delete.retention.ms.
        config |= {
            "segment.bytes": str(16 * 1024 * 1024),
            "segment.ms": "600000",
            "min.cleanable.dirty.ratio": "0.1",
            "delete.retention.ms": "600000",
        }
    return NewTopic(topic.name, partitions_of(topic, kafka), kafka.replication, config=config)
