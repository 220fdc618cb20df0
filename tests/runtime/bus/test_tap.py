"""`tap` prints committed records and ends where the topics ended when it began."""

import threading

import pytest

from runtime.bus.tap import tap
from runtime.settings.structs import Settings
from schemas.errors import Unavailable
from tests.support.router.transactions import begin_transaction, write_transaction
from tests.support.waiting import wait

BILLING, LEGAL, EMPTY = "queue.billing.v1", "queue.legal.v1", "queue.press.v1"


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


def test_until_now_ends_at_the_newest_record_of_its_start(kafka: Settings) -> None:
    assert _until_now(kafka, EMPTY) == [], "an empty topic ends at once"
    write_transaction(kafka, BILLING, ["a", "b"])
    # The broker writes the marker after it has confirmed the commit.
    wait("the commit shows", lambda: _until_now(kafka, BILLING) == ["a", "b"])
    write_transaction(kafka, BILLING, ["never"], commit=False)
    assert _until_now(kafka, BILLING) == ["a", "b"], "the last thing there was aborted"
    write_transaction(kafka, LEGAL, ["c"])
    wait(
        "the other commit shows",
        lambda: sorted(_until_now(kafka, BILLING, LEGAL, EMPTY)) == ["a", "b", "c"],
    )
    assert _until_now(kafka, BILLING, count=1) == ["a"]
    _check_end_during_further_writes(kafka)
    open_one = begin_transaction(kafka, BILLING, ["not yet"])
    assert _until_now(kafka, BILLING) == ["a", "b"], (
        "a transaction that stays open is not waited for"
    )
    open_one.abort_transaction(30)
    with pytest.raises(Unavailable, match="santral topics"):
        tap(kafka.kafka, ["queue.nosuch.v1"], lambda *_: None, until_now=True)


def _check_end_during_further_writes(kafka: Settings) -> None:
    values: list[str] = []

    def emit(_topic: str, value: bytes) -> None:
        values.append(value.decode())
        write_transaction(kafka, LEGAL, ["later"])

    tap(kafka.kafka, [LEGAL], emit, until_now=True)
    assert values == ["c"]
