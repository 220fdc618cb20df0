"""The watchdog's judgement of a loop: what ends a process, and what proves nothing."""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from runtime.health.checks import Health
from runtime.health.progress import Partition, Progress
from runtime.settings.structs import OpsSettings
from runtime.stage.watchdog import STALLED_EXIT_CODE, Look, Watchdog
from tests.support.messages import NOW
from tests.support.waiting import wait

STALL_S = 60.0
FIRST, SECOND = ("messages.v1", 0), ("messages.v1", 1)


class Bench:
    """A watchdog with a clock that the test moves, and a Kafka whose answer the test sets."""

    def __init__(self, look: Look | None = None) -> None:
        self.seconds = 0.0
        self.ended: list[int] = []
        self.behind: set[Partition] = set()
        self.away = False
        self.looks = 0
        self.progress = Progress("loop")
        self.health = Health("x")
        ops = OpsSettings(stall=timedelta(seconds=STALL_S))
        self.dog = Watchdog(
            self.health,
            self.progress,
            ops,
            self,
            look or self._waiting_partitions,
            self.ended.append,
        )

    def now(self) -> datetime:
        return NOW.astimezone(UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def _waiting_partitions(self, positions: object) -> frozenset[Partition]:
        self.looks += 1
        if self.away:
            raise OSError("Kafka is away")
        return frozenset(self.behind)

    def pass_time(self, seconds: float, each: Callable[[], object] = lambda: None) -> None:
        """Let the watchdog judge every six seconds, and call `each` before it does."""
        until = self.seconds + seconds
        while self.seconds < until:
            self.seconds += STALL_S / 10
            each()
            self.dog._judge()
            looking = self.dog._looking
            if looking is not None:
                looking.join(5)

    def problems(self) -> dict[str, str]:
        body = json.loads(self.health.report()[1])
        problems: dict[str, str] = body["problems"]
        return problems


def test_a_loop_without_turns_is_ended() -> None:
    bench = Bench()
    bench.pass_time(300, bench.progress.count_turn)
    assert bench.ended == []
    bench.pass_time(STALL_S)
    assert bench.ended == []
    bench.pass_time(12)
    assert set(bench.ended) == {STALLED_EXIT_CODE}
    assert "no turn for" in bench.problems()["loop"]


def test_a_loop_that_turns_and_leaves_records_unread_is_ended() -> None:
    bench = Bench()
    bench.progress.note_position(*FIRST, 7)
    bench.pass_time(900, bench.progress.count_turn)
    assert bench.ended == [], "nothing waits"
    bench.behind = {FIRST}
    bench.pass_time(STALL_S, bench.progress.count_turn)
    assert bench.ended == []
    bench.pass_time(18, bench.progress.count_turn)
    assert set(bench.ended) == {STALLED_EXIT_CODE}
    assert "messages.v1/0 has records after offset 7" in bench.problems()["loop"]


def test_a_partition_that_rests_while_others_move_is_shown_and_ends_nothing() -> None:
    bench = Bench()
    bench.behind = {FIRST, SECOND}
    bench.progress.note_position(*FIRST, 7)
    offsets = iter(range(1000))

    def read() -> None:
        bench.progress.count_turn()
        bench.progress.note_position(*SECOND, next(offsets))

    bench.pass_time(300, read)
    assert bench.ended == []
    notes = json.loads(bench.health.report(verbose=True)[1])["notes"]
    assert notes["loop partitions"].startswith("messages.v1/0 rests for")
    bench.progress.drop_positions([FIRST])
    bench.pass_time(12, read)
    notes = json.loads(bench.health.report(verbose=True)[1])["notes"]
    assert notes["loop partitions"] == "ok"


def test_a_loop_that_moves_costs_kafka_no_question() -> None:
    bench = Bench()
    offsets = iter(range(1000))

    def read() -> None:
        bench.progress.count_turn()
        bench.progress.note_position(*FIRST, next(offsets))

    bench.pass_time(600, read)
    assert bench.looks == 0


def test_a_loop_that_waits_for_a_neighbour_is_not_stalled() -> None:
    bench = Bench()
    bench.behind = {FIRST}
    bench.progress.note_position(*FIRST, 7)
    bench.pass_time(900, lambda: bench.progress.wait_for("the store", 5))
    assert bench.ended == []
    bench.progress.wait_for("the store", 240)
    bench.pass_time(240)
    assert bench.ended == [], "the announced pause is not over"
    bench.pass_time(STALL_S + 12)
    assert set(bench.ended) == {STALLED_EXIT_CODE}, "the loop hangs in its wait"


def test_kafka_away_is_not_a_stall() -> None:
    bench = Bench()
    bench.away = True
    bench.progress.note_position(*FIRST, 7)
    bench.pass_time(900)
    assert bench.ended == []
    bench.away = False
    bench.pass_time(STALL_S + 12)
    assert set(bench.ended) == {STALLED_EXIT_CODE}


def test_a_frozen_and_woken_process_is_not_ended() -> None:
    bench = Bench()
    bench.behind = {FIRST}
    bench.progress.note_position(*FIRST, 7)
    bench.pass_time(STALL_S / 2)
    bench.seconds += 1000
    bench.pass_time(STALL_S)
    assert bench.ended == []
    bench.pass_time(12)
    assert set(bench.ended) == {STALLED_EXIT_CODE}


def test_a_look_that_does_not_return_is_shown_and_the_turns_are_judged_all_the_same() -> None:
    blocked = threading.Event()

    def waiting_partitions(_positions: object) -> frozenset[Partition]:
        blocked.wait(60)
        return frozenset()

    health, progress, ended = Health("x"), Progress("loop"), list[int]()
    bench = Bench()  # its clock; the watchdog's threads run for real
    ops = OpsSettings(stall=timedelta(seconds=0.5))
    dog = Watchdog(health, progress, ops, bench, waiting_partitions, ended.append)
    progress.note_position(*FIRST, 7)
    dog.start()

    def turned() -> str:
        progress.count_turn()
        bench.seconds += 0.05
        return str(health.problems().get("loop", ""))

    try:
        assert "the watchdog is blind since 20" in wait("it says that it is blind", turned, 10)
        assert ended == []

        def ends() -> bool:
            bench.seconds += 0.05
            return bool(ended)

        wait("a loop without turns is ended", ends, 10)
        assert set(ended) == {STALLED_EXIT_CODE}
    finally:
        blocked.set()
        dog.stop()

    def looks_again() -> bool:
        progress.count_turn()
        return dog._looking is None

    wait("it looks again", looks_again, 10)
