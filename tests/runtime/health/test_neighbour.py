"""A neighbour is judged by the last attempt to use it, and a probe asks where it is quiet."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from runtime.clock import Clock, SystemClock
from runtime.health.neighbour import PROBE_LIMIT_S, Backoff, Neighbour
from tests.support.waiting import wait

START = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


class Hands(Clock):
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.passed_s = 100.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed_s - 100)

    def monotonic(self) -> float:
        return self.passed_s


@pytest.fixture
def lines() -> Iterator[list[EventDict]]:
    """The log's lines, from information on, whatever level another test has configured."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with capture_logs() as captured:
        yield captured
    structlog.configure(wrapper_class=before)


def test_a_failure_gives_name_reason_and_beginning_until_a_success() -> None:
    clock = Hands()
    store = Neighbour("the store at db", clock)
    assert store.problem() is None
    store.failed(ConnectionRefusedError("connection refused\nIs the server running?"))
    clock.passed_s += 23
    store.failed("the database system is starting up")
    assert store.problem() == (
        "the store at db fails since 2026-11-27 12:00:00 UTC, 23 s: the database system is "
        "starting up"
    )
    store.succeeded()
    assert store.problem() is None


def test_an_outage_is_one_line_a_minute_and_one_at_its_end(lines: list[EventDict]) -> None:
    clock = Hands()
    store = Neighbour("the store", clock)
    for _ in range(150):
        store.failed("refused")
        clock.passed_s += 1
    store.succeeded()
    store.succeeded()
    assert [(line["event"], line["seconds"]) for line in lines] == [
        ("neighbour.away", 0),
        ("neighbour.away", 60),
        ("neighbour.away", 120),
        ("neighbour.back", 150),
    ]


def test_a_neighbour_that_comes_and_goes_does_not_fill_the_log(lines: list[EventDict]) -> None:
    clock = Hands()
    store = Neighbour("the store", clock)
    for _ in range(60):
        store.failed("refused")
        clock.passed_s += 0.5
        store.succeeded()
        clock.passed_s += 0.5
    assert len(lines) == 2


def test_a_probe_decides_before_the_first_use_and_in_quiet_times() -> None:
    answers: list[str] = ["refused"]

    def probe() -> None:
        if answers:
            raise ConnectionError(answers[0])

    store = Neighbour("the store", SystemClock(), probe)
    assert store.problem() == "the store has not answered yet"
    store.start()
    wait("the probe fails", lambda: "refused" in (store.problem() or ""))
    answers.clear()
    wait("the probe succeeds", lambda: store.problem() is None)
    store.stop()


def test_a_probe_without_an_answer_is_a_failure_and_never_piles_up() -> None:
    clock, release, began = Hands(), threading.Event(), threading.Semaphore(0)

    def probe() -> None:
        began.release()
        release.wait()

    store = Neighbour("the store", clock, probe)
    store.start()
    assert began.acquire(timeout=10)
    clock.passed_s += PROBE_LIMIT_S + 2
    assert store.problem() == "the store gives no answer for 7 s"
    clock.passed_s += 100
    assert not began.acquire(blocking=False)
    release.set()
    wait("the answer came", lambda: store.problem() is None)
    store.stop()


def test_a_failed_use_outweighs_a_probe_that_succeeds_right_after() -> None:
    clock, probed = Hands(), threading.Semaphore(0)
    kafka = Neighbour("Kafka", clock, probed.release)
    kafka.failed("not enough replicas")
    kafka.start()
    assert probed.acquire(timeout=10)
    assert kafka.problem() is not None
    clock.passed_s += 6
    wait("a later probe decides", lambda: kafka.problem() is None)
    kafka.stop()


def test_pauses_grow_to_two_seconds() -> None:
    pauses = Backoff()
    assert [pauses.next() for _ in range(7)] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    pauses.reset()
    assert pauses.next() == 0.1
