"""Compares the store's positions with the logs of Kafka's topics.

The recorder waits while they differ, `santral ledger` reports it, and `santral store adopt` lets
the store follow Kafka's logs. A topic with another id has another log, because the topic or Kafka
was created again. A log is shorter than recorded if Kafka lost its end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec
from sqlalchemy import Connection, inspect, text

from runtime.bus.client_settings import admin_client
from runtime.settings.structs import KafkaSettings
from schemas import topics
from schemas.errors import Unavailable

RECORDED = (
    topics.MESSAGES,
    topics.DECISIONS,
    topics.OUTCOMES,
    topics.DEAD,
    topics.INCIDENTS,
    topics.LINKS,
)
"""The topics that the recorder writes into the store."""

ADOPT_ADVICE = (
    "Nothing is recorded until then: bring back the Kafka of this store, or let the store follow "
    "this Kafka with `santral store adopt`"
)
_REQUEST_S = 4.0
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"
"""The id that a broker before Kafka 2.8 gives every topic."""


@dataclass(frozen=True)
class Log:
    """A topic's log in Kafka: its id, and each partition's first and next offset."""

    topic_id: str
    ranges: Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class StoredLog:
    """The store's memory of a topic's log.

    It has the topic's id (empty if unknown), the number of adoptions, and the next offset of each
    partition.
    """

    topic_id: str = ""
    adoptions: int = 0
    positions: dict[int, int] = field(default_factory=dict)


class KafkaLogs:
    """Reads Kafka's logs, with a client of its own."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._address = kafka.bootstrap
        self._admin = admin_client(kafka)

    def read(self, names: Iterable[str]) -> dict[str, Log]:
        """Return the logs of these topics; raise Unavailable if Kafka does not answer."""
        try:
            return self._read(sorted(set(names)))
        except KafkaException as error:
            reason = error.args[0].str()
        except TimeoutError:
            reason = "no answer"
        raise Unavailable(
            f"Kafka at {self._address} does not describe its topics: {reason}. Start it; "
            "`santral topics` creates what is missing."
        )

    def _read(self, names: list[str]) -> dict[str, Log]:
        if not names:
            return {}
        futures = self._admin.describe_topics(TopicCollection(names), request_timeout=_REQUEST_S)
        topics_now = {name: future.result(_REQUEST_S + 1) for name, future in futures.items()}
        partitions = [
            TopicPartition(name, partition.id)
            for name, topic in topics_now.items()
            for partition in topic.partitions
        ]
        first, end = (
            self._offsets(partitions, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest())
        )
        return {
            name: Log(
                topic_id=_id(topic.topic_id),
                ranges={p.id: (first[name, p.id], end[name, p.id]) for p in topic.partitions},
            )
            for name, topic in topics_now.items()
        }

    def _offsets(
        self, partitions: list[TopicPartition], spec: OffsetSpec
    ) -> dict[tuple[str, int], int]:
        requests = dict.fromkeys(partitions, spec)
        futures = self._admin.list_offsets(requests, request_timeout=_REQUEST_S)
        return {
            (partition.topic, partition.partition): int(future.result(_REQUEST_S + 1).offset)
            for partition, future in futures.items()
        }


def _id(topic_id: object) -> str:
    text_id = str(topic_id)
    return "" if text_id == _NO_ID else text_id


def knows_logs(connection: Connection) -> bool:
    """Say whether the store has the table of its logs, which older versions lack."""
    return inspect(connection).has_table("logs")


def stored_logs(connection: Connection) -> dict[str, StoredLog]:
    """Return the store's memory of each topic; a store of an older version has no ids."""
    logs: dict[str, StoredLog] = {}
    if knows_logs(connection):
        for topic, topic_id, adoptions in connection.execute(
            text("SELECT topic, topic_id, adoptions FROM logs")
        ):
            logs[str(topic)] = StoredLog(topic_id=str(topic_id), adoptions=int(adoptions))
    for topic, partition, offset in connection.execute(
        text("SELECT topic, partition, next_offset FROM positions")
    ):
        logs.setdefault(str(topic), StoredLog()).positions[int(partition)] = int(offset)
    return logs


def differences(stored: Mapping[str, StoredLog], logs: Mapping[str, Log]) -> dict[str, str]:
    """Return, by topic, why the store's positions do not belong to Kafka's log."""
    reasons = {}
    for topic, log in logs.items():
        memory = stored.get(topic, StoredLog())
        if memory.topic_id and log.topic_id and memory.topic_id != log.topic_id:
            reasons[topic] = f"{topic} is another log than the recorded one (its id changed)"
            continue
        for partition, offset in sorted(memory.positions.items()):
            end = log.ranges.get(partition, (0, 0))[1]
            if end < offset:
                reasons[topic] = (
                    f"{topic}/{partition} ends at {end}, and the store is ahead of it at {offset}"
                )
                break
    return reasons


def note_ids(
    connection: Connection, stored: Mapping[str, StoredLog], logs: Mapping[str, Log]
) -> None:
    """Note the ids of the topics that the store sees for the first time."""
    for topic, log in logs.items():
        if log.topic_id and not stored.get(topic, StoredLog()).topic_id:
            connection.execute(
                text(
                    "INSERT INTO logs (topic, topic_id, adoptions) VALUES (:topic, :id, 0) "
                    "ON CONFLICT DO NOTHING"
                ),
                {"topic": topic, "id": log.topic_id},
            )


def adoptions_match(connection: Connection, expected: Mapping[str, int]) -> bool:
    """Say whether nobody adopted another log since these counts were read.

    On PostgreSQL the rows stay locked until the transaction ends, so that an adoption waits for
    the batch. SQLite has only one writer.
    """
    lock = " FOR SHARE" if connection.dialect.name == "postgresql" else ""
    rows = connection.execute(text(f"SELECT topic, adoptions FROM logs{lock}"))
    counts = {str(topic): int(number) for topic, number in rows}
    return all(counts.get(topic, 0) == number for topic, number in expected.items())


def adopt(connection: Connection, logs: Mapping[str, Log]) -> None:
    """Let the store follow these logs from their first offsets; its records stay.

    The recorder absorbs by their ids the records that it has already.
    """
    for topic, log in logs.items():
        connection.execute(
            text(
                "INSERT INTO logs (topic, topic_id, adoptions) VALUES (:topic, :id, 1) "
                "ON CONFLICT (topic) DO UPDATE SET topic_id = excluded.topic_id, "
                "adoptions = logs.adoptions + 1"
            ),
            {"topic": topic, "id": log.topic_id},
        )
        positions = stored_logs(connection)[topic].positions
        for partition in positions:
            if partition not in log.ranges:
                statement = "DELETE FROM positions WHERE topic = :topic AND partition = :partition"
            else:
                statement = (
                    "UPDATE positions SET next_offset = :first "
                    "WHERE topic = :topic AND partition = :partition"
                )
            first = log.ranges.get(partition, (0, 0))[0]
            connection.execute(
                text(statement), {"topic": topic, "partition": partition, "first": first}
            )
