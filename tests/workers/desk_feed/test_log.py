"""The desk feed's log: a transaction that a producer left open does not keep the next waiting."""

import time
from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition

from runtime.health.progress import Partition
from runtime.settings.structs import Settings
from schemas import topics
from schemas.topics import queue_topics
from tests.support.waiting import wait
from workers.desk_feed.log import FeedLog

MAX_WAIT_S = 8.0
"""Kafka itself ends an open transaction 15 to 25 s after its beginning."""
PARTITION: Partition = (topics.OUTCOMES.name, 0)


def _open(settings: Settings) -> FeedLog:
    names = (*queue_topics(("billing",)), topics.OUTCOMES.name)
    return FeedLog(settings.kafka, names, "desk-0")


def _lose_producer(log: FeedLog, _settings: Settings) -> FeedLog:
    """Return the log after an outage in which its producer could not abort."""
    log._producer = None
    return log


def _replace_process(log: FeedLog, settings: Settings) -> FeedLog:
    """Return the log of the process that takes the place of one that left its transaction open."""
    log.close()
    return _open(settings)


@pytest.mark.parametrize("successor", [_lose_producer, _replace_process])
def test_a_transaction_left_open_ends_when_its_writer_has_another_producer(
    kafka: Settings, successor: Callable[[FeedLog, Settings], FeedLog]
) -> None:
    first = _open(kafka)

    def has_joined() -> bool:
        first.keep_membership()
        return PARTITION in first.owned

    wait("it has its partitions", has_joined, 30)
    first.write([], {PARTITION: 3})
    producer = first.connect_producer()
    producer.begin_transaction()
    open_offset = [TopicPartition(*PARTITION, 5)]
    producer.send_offsets_to_transaction(open_offset, first.membership(), 10)

    second = successor(first, kafka)
    began = time.monotonic()
    second.connect_producer()
    assert second.read_committed([PARTITION]) == {PARTITION: 3}
    assert time.monotonic() - began < MAX_WAIT_S
    second.close()
