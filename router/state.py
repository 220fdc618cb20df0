"""The states of the conversations in this process's partitions, restored from conversations.v1.

batch.py reads the states, and only a committed batch changes them. They are kept as the JSON of
Kafka, which takes half the memory of objects and is not encoded twice.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime.bus.client_settings import rdkafka_settings
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas import topics
from schemas.errors import Unavailable
from schemas.state.conversation import ConversationState

log = get(__name__)

ConversationKey = tuple[int, str]
"""The number of a partition, and a conversation in it."""

_decoder = msgspec.json.Decoder(ConversationState)
_RESTORE_BATCH_RECORDS = 5000
_READ_LIMIT_S = 0.1
_MAX_EMPTY_READS = 200
"""After 20 seconds without a record, Kafka counts as away."""

_REQUEST_LIMIT_S = 5.0


class Conversations:
    """Encoded states by partition and conversation."""

    def __init__(self) -> None:
        self._states: dict[int, dict[str, bytes]] = {}

    def count(self) -> int:
        """Return the number of conversations."""
        return sum(map(len, self._states.values()))

    def get(self, partition: int, conversation: str) -> ConversationState | None:
        """Return a conversation's state, or None.

        Raises Unavailable for a partition that this process does not own, and msgspec.DecodeError
        for a state that does not decode.
        """
        states = self._states.get(partition)
        if states is None:
            raise Unavailable(f"this process does not own partition {partition}")
        value = states.get(conversation)
        return None if value is None else _decoder.decode(value)

    def commit(self, changed: Mapping[ConversationKey, bytes | None]) -> None:
        """Take over the states of a committed batch; None forgets a conversation."""
        for (partition, conversation), value in changed.items():
            if value is None:
                self._states[partition].pop(conversation, None)
            else:
                self._states[partition][conversation] = value

    def items(self, partition: int) -> list[tuple[str, bytes]]:
        """Return a partition's conversations and their encoded states."""
        return list(self._states[partition].items())

    def retain(self, partitions: Iterable[int]) -> None:
        """Forget all partitions but these."""
        self._states = {p: self._states[p] for p in partitions if p in self._states}

    def restore(
        self,
        kafka: KafkaSettings,
        partitions: list[int],
        count_step: Callable[[], None] = lambda: None,
    ) -> None:
        """Read the partitions of conversations.v1 to their committed end.

        Each batch of records calls `count_step`.

        Call it after a read_committed fetch of the group's offsets. The broker answers that only
        when no transaction is pending on them (KIP-447), so the read misses nothing that a fenced
        process wrote.
        """
        missing = [p for p in partitions if p not in self._states]
        if not missing:
            return
        consumer = Consumer(
            rdkafka_settings(
                kafka,
                **{
                    "group.id": "santral-router-restore",
                    "enable.auto.commit": False,
                    "isolation.level": "read_committed",
                    "auto.offset.reset": "earliest",
                    "enable.partition.eof": True,
                    "fetch.wait.max.ms": 10,
                },
            )
        )
        try:
            consumer.assign([TopicPartition(topics.CONVERSATIONS.name, p, 0) for p in missing])
            self._states.update(_read_states(consumer, _end_offsets(kafka, missing), count_step))
        finally:
            consumer.close()
        log.info("state.restored", partitions=len(missing), conversations=self.count())


def _read_states(
    consumer: Consumer, ends: Mapping[int, int], count_step: Callable[[], None]
) -> dict[int, dict[str, bytes]]:
    """Return the states of each partition up to its end; raise KafkaException without progress."""
    states: dict[int, dict[str, bytes]] = {p: {} for p in ends}
    unread = set(ends)
    empty_reads = 0
    while unread:
        records = consumer.consume(_RESTORE_BATCH_RECORDS, _READ_LIMIT_S)
        empty_reads = 0 if records else empty_reads + 1
        if records:
            count_step()
        elif empty_reads > _MAX_EMPTY_READS:
            raise KafkaException(
                KafkaError(KafkaError._TIMED_OUT, "conversations.v1 can't be read")
            )
        for record in records:
            # An open transaction of a dead process keeps the committed end below the present end,
            # so the read continues until the broker has ended the transaction.
            if record.error() is None:
                _apply(record, states[record.partition()])
            elif _is_partition_end(record) and record.offset() >= ends[record.partition()]:
                unread.discard(record.partition())
    return states


def _end_offsets(kafka: KafkaSettings, partitions: list[int]) -> dict[int, int]:
    """Return the present end of each partition, with the records of open transactions."""
    consumer = Consumer(
        rdkafka_settings(
            kafka, **{"group.id": "santral-router-ends", "isolation.level": "read_uncommitted"}
        )
    )
    try:
        return {
            p: consumer.get_watermark_offsets(
                TopicPartition(topics.CONVERSATIONS.name, p), _REQUEST_LIMIT_S
            )[1]
            for p in partitions
        }
    finally:
        consumer.close()


def _is_partition_end(record: Message) -> bool:
    """Say whether a record without content is a partition's end; raise an error that lasts."""
    error = record.error()
    if error.code() == KafkaError._PARTITION_EOF:
        return True
    if not error.retriable():
        raise KafkaException(error)
    return False


def _apply(record: Message, states: dict[str, bytes]) -> None:
    """Put a record into the states of its partition; a tombstone forgets its conversation."""
    key, value = (record.key() or b"").decode("utf-8", "replace"), record.value()
    if value is None:
        states.pop(key, None)
    else:
        states[key] = value
