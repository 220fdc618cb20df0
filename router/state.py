"""The conversations of the partitions this process owns, restored from conversations.v1.

Before: a partition is assigned. After: run.py looks states up and puts new ones in, and only a
committed batch changes what is held. States are held as the JSON that Kafka has: half the memory
of objects, and nothing to encode twice.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime.bus.client_settings import rdkafka_settings
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas import topics
from schemas.errors import Unavailable
from schemas.state.conversation import ConversationState

log = get(__name__)

_decoder = msgspec.json.Decoder(ConversationState)
_RESTORE_BATCH = 5000
_MAX_EMPTY_READS = 200  # of a tenth of a second each: then Kafka counts as away
_REQUEST_S = 5.0


class Conversations:
    """States by partition and conversation."""

    def __init__(self) -> None:
        self._held: dict[int, dict[str, bytes]] = {}

    def owned(self) -> list[int]:
        """Return the partitions held."""
        return sorted(self._held)

    def count(self) -> int:
        """Return how many conversations are held."""
        return sum(map(len, self._held.values()))

    def get(self, partition: int, conversation: str) -> ConversationState | None:
        """Return a conversation's state, or None.

        Raises Unavailable for a partition that this process does not own, and msgspec.DecodeError
        for a state that does not decode.
        """
        states = self._held.get(partition)
        if states is None:
            raise Unavailable(f"this process does not own partition {partition}")
        value = states.get(conversation)
        return None if value is None else _decoder.decode(value)

    def commit(self, changed: Mapping[tuple[int, str], bytes | None]) -> None:
        """Take over the states of a committed batch; None forgets one."""
        for (partition, conversation), value in changed.items():
            if value is None:
                self._held[partition].pop(conversation, None)
            else:
                self._held[partition][conversation] = value

    def items(self, partition: int) -> list[tuple[str, bytes]]:
        """Return a partition's conversations and their encoded states."""
        return list(self._held[partition].items())

    def retain(self, partitions: Iterable[int]) -> None:
        """Forget all partitions but these."""
        self._held = {p: self._held[p] for p in partitions if p in self._held}

    def restore(
        self,
        kafka: KafkaSettings,
        partitions: list[int],
        count_step: Callable[[], None] = lambda: None,
    ) -> None:
        """Read the partitions of conversations.v1 to their committed end.

        Each batch of records calls `count_step`.

        To be called after the group's committed offsets were fetched with read_committed: the
        broker answers only when no transaction is pending on them (KIP-447), so nothing that a
        fenced process wrote can be missed.
        """
        wanted = [p for p in partitions if p not in self._held]
        if not wanted:
            return
        config: dict[str, Any] = rdkafka_settings(
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
        consumer = Consumer(config)
        try:
            consumer.assign([TopicPartition(topics.CONVERSATIONS.name, p, 0) for p in wanted])
            made: dict[int, dict[str, bytes]] = {p: {} for p in wanted}
            ends = _ends(kafka, wanted)
            left = set(wanted)
            empty_reads = 0
            while left:
                records = consumer.consume(_RESTORE_BATCH, 0.1)
                empty_reads = 0 if records else empty_reads + 1
                if records:
                    count_step()
                elif empty_reads > _MAX_EMPTY_READS:
                    raise KafkaException(
                        KafkaError(KafkaError._TIMED_OUT, "conversations.v1 can't be read")
                    )
                for record in records:
                    # An open transaction of a dead process holds the committed end back: wait
                    # until the broker has ended it and the end of now is reached.
                    if _take(record, made) and record.offset() >= ends[record.partition()]:
                        left.discard(record.partition())
            self._held.update(made)
        finally:
            consumer.close()
        log.info("state.restored", partitions=len(wanted), conversations=self.count())


def _ends(kafka: KafkaSettings, partitions: list[int]) -> dict[int, int]:
    """Return where the partitions end now, open transactions included."""
    consumer = Consumer(
        rdkafka_settings(
            kafka, **{"group.id": "santral-router-ends", "isolation.level": "read_uncommitted"}
        )
    )
    try:
        return {
            p: consumer.get_watermark_offsets(
                TopicPartition(topics.CONVERSATIONS.name, p), _REQUEST_S
            )[1]
            for p in partitions
        }
    finally:
        consumer.close()


def _take(record: Any, made: dict[int, dict[str, bytes]]) -> bool:
    """Put one record into the states; say whether it is a partition's end instead."""
    error = record.error()
    if error is not None:
        if error.code() == KafkaError._PARTITION_EOF:
            return True
        if not error.retriable():
            raise KafkaException(error)
        return False
    state, value = made[record.partition()], record.value()
    key = (record.key() or b"").decode("utf-8", "replace")
    if value is None:
        state.pop(key, None)
    else:
        state[key] = value
    return False
