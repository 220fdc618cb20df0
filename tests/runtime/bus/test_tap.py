"""`tap` prints committed records and ends where the topics ended when it began."""

import threading
import uuid
from collections.abc import Sequence

import pytest
from confluent_kafka import Producer

from runtime.bus.client_settings import rdkafka_settings
from runtime.bus.tap import tap
from runtime.settings.structs import Settings
from schemas.errors import Unavailable
from tests.support.waiting import wait

BILLING, LEGAL, EMPTY = "queue.billing.v1", "queue.legal.v1", "queue.press.v1"


def _begin(settings: Settings, topic: str, values: Sequence[str]) -> Producer:
    producer = Producer(rdkafka_settings(settings.kafka, **{"transactional.id": uuid.uuid4().hex}))
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value.encode(), b"k")
    producer.flush(30)
    return producer


def _write(settings: Settings, topic: str, values: Sequence[str], *, commit: bool = True) -> None:
    producer = _begin(settings, topic, values)
    if commit:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


def _until_now(settings: Settings, *topics: str, count: int | None = None) -> list[str]:
    values: list[str] = []

    def read() -> None:
        tap(
            settings.kafka,
            topics,
            lambda _, value: values.append(value.decode()),
            until_now=True,
            count=count,
        )

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    reading.join(30)
    assert not reading.is_alive(), f"it does not end, after {values}"
    return values


def test_it_ends_at_the_end_that_there_is_when_it_begins(kafka: Settings) -> None:
    assert _until_now(kafka, EMPTY) == [], "an empty topic ends at once"
    _write(kafka, BILLING, ["a", "b"])
    # The broker writes the marker after it has confirmed the commit.
    wait("the commit shows", lambda: _until_now(kafka, BILLING) == ["a", "b"])
    _write(kafka, BILLING, ["never"], commit=False)
    assert _until_now(kafka, BILLING) == ["a", "b"], "the last thing there was aborted"
    _write(kafka, LEGAL, ["c"])
    wait(
        "the other commit shows",
        lambda: sorted(_until_now(kafka, BILLING, LEGAL, EMPTY)) == ["a", "b", "c"],
    )
    assert _until_now(kafka, BILLING, count=1) == ["a"]
    _ends_though_somebody_goes_on_writing(kafka)
    open_one = _begin(kafka, BILLING, ["not yet"])
    assert _until_now(kafka, BILLING) == ["a", "b"], (
        "a transaction that stays open is not waited for"
    )
    open_one.abort_transaction(30)
    with pytest.raises(Unavailable, match="santral topics"):
        tap(kafka.kafka, ["queue.nosuch.v1"], lambda *_: None, until_now=True)


def _ends_though_somebody_goes_on_writing(kafka: Settings) -> None:
    values: list[str] = []

    def emit(_topic: str, value: bytes) -> None:
        values.append(value.decode())
        _write(kafka, LEGAL, ["later"])

    tap(kafka.kafka, [LEGAL], emit, until_now=True)
    assert values == ["c"]
