"""The committed records of topics, as they come or up to their present end.

`santral tap` passes a function that gets each record's topic and value. A tap commits nothing and
joins no group, so that it disturbs no reader.
"""

import time
from collections.abc import Callable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import KafkaSettings
from schemas.errors import Unavailable

_TIMEOUT_S = 5.0
_NEW_TOPIC_S = 1.5
_OPEN_S = 5.0  # our transactions are open for a few hundredths of a second
_BATCH, _WAIT_S = 500, 0.1
_BEGINNING, _END = -2, -1  # librdkafka's names of a partition's two ends

Places = dict[tuple[str, int], int]


def tap(
    kafka: KafkaSettings,
    topics: Sequence[str],
    emit: Callable[[str, bytes], object],
    *,
    from_beginning: bool = False,
    until_now: bool = False,
    count: int | None = None,
) -> None:
    """Hand each record's topic and value to `emit`.

    Ends after `count` records, or with `until_now` at the end that the topics have at the start.
    Without either it runs until an interrupt. Raises Unavailable when Kafka does not answer or has
    no such topic.
    """
    consumer = Consumer(
        rdkafka_settings(
            kafka,
            **{
                "group.id": "santral-tap",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "log_level": 0,
            },
        )
    )
    try:
        ends = _ends(consumer, kafka, topics)
        begin = _BEGINNING if from_beginning or until_now else _END
        consumer.assign([TopicPartition(topic, partition, begin) for topic, partition in ends])
        _read(consumer, emit, ends if until_now else None, count)
    finally:
        consumer.close()


def _ends(consumer: Consumer, kafka: KafkaSettings, topics: Sequence[str]) -> Places:
    """Return the end of each partition now; wait a moment for a new topic's leader."""
    until = time.monotonic() + _NEW_TOPIC_S
    while True:
        try:
            partitions = {
                topic: consumer.list_topics(topic, _TIMEOUT_S).topics[topic] for topic in topics
            }
            missing = [
                name for name, topic in partitions.items() if topic.error or not topic.partitions
            ]
            if not missing:
                return {
                    (name, partition): _end(consumer, name, partition)
                    for name, topic in partitions.items()
                    for partition in topic.partitions
                }
            problem = f"Kafka has no topic {missing[0]!r} yet: `santral topics` makes it"
        except KafkaException as error:
            problem = f"Kafka at {kafka.bootstrap} does not answer: {error.args[0].str()}"
        if time.monotonic() > until:
            raise Unavailable(problem)
        time.sleep(0.1)


def _end(consumer: Consumer, topic: str, partition: int) -> int:
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), _TIMEOUT_S)
    return int(end)


def _read(
    consumer: Consumer, emit: Callable[[str, bytes], object], ends: Places | None, count: int | None
) -> None:
    left = None if ends is None else {partition for partition, end in ends.items() if end > 0}
    until = time.monotonic() + _OPEN_S
    while left is None or left:
        records = consumer.consume(_BATCH, _WAIT_S)
        for record in records:
            partition = record.topic() or "", record.partition() or 0
            offset, value = record.offset() or 0, record.value()
            if record.error() is not None:
                _check_end(record)
            end = ends[partition] if ends is not None else offset + 1
            if left is not None and _is_last(record, offset, end):
                left.discard(partition)
            if record.error() is not None or offset >= end:
                continue
            if value is not None:
                emit(partition[0], value)
            if count is not None:
                count -= 1
                if count == 0:
                    return
        if records:
            until = time.monotonic() + _OPEN_S
        elif left is not None and time.monotonic() > until:
            return  # the rest before the end is in a transaction that nobody commits


def _check_end(record: Message) -> None:
    """Raise Unavailable unless the record only marks the present end of a partition."""
    error = record.error()
    if error is None or error.code() == KafkaError._PARTITION_EOF or error.retriable():
        return
    raise Unavailable(f"Kafka stopped answering: {error.str()}")


def _is_last(record: Message, offset: int, end: int) -> bool:
    """Say whether every record before `end` has come.

    A partition may end in markers or aborted records, which never come. Records that were
    committed a moment ago may still be invisible before the end.
    """
    error = record.error()
    if error is None:
        return offset >= end - 1
    return error.code() == KafkaError._PARTITION_EOF and offset >= end
