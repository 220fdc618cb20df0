"""Ends a process whose loop hangs, or whose position rests although records wait for it.

A stage gives the watchdog the notes of its loop (runtime/health/progress.py) and, if the loop reads
Kafka, a Backlog. The watchdog ends the process with STALLED_EXIT_CODE, and its supervisor starts it
again. It never calls into the loop or its clients.
"""

import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from runtime import metrics
from runtime.clock import Clock
from runtime.health.checks import Health
from runtime.health.progress import Notes, Partition, Progress
from runtime.log import get
from runtime.settings.structs import OpsSettings

log = get(__name__)

Look = Callable[[Mapping[Partition, int]], frozenset[Partition]]
"""Returns the partitions with records at or after the positions; raises while Kafka is away."""

_WARN_EVERY_S = 60.0

STALLED_EXIT_CODE = 70
"""The exit code of a stage that its watchdog ended (EX_SOFTWARE)."""


class Judgement:
    """Decides from a loop's notes whether the loop is stalled; pure, with the time passed in.

    An outage of Kafka, an outage that the loop waits for, and a pause of the whole process reset
    the time: they prove nothing about the loop.
    """

    def __init__(self, patience_s: float, now: float) -> None:
        self._patience_s = patience_s
        self._notes = Notes(0, {})
        self._turned_at = self._moved_at = now
        self._behind_since: dict[Partition, float] = {}

    def observe(self, now: float, notes: Notes) -> dict[Partition, int]:
        """Take the present notes; return the positions that have rested since the last ones."""
        before, self._notes = self._notes, notes
        if notes.turns != before.turns:
            self._turned_at = now
        resting = {p: o for p, o in notes.positions.items() if before.positions.get(p) == o}
        if resting != notes.positions or notes.waiting:
            self._moved_at = now
        for partition in [p for p in self._behind_since if p not in resting or notes.waiting]:
            del self._behind_since[partition]
        return resting

    def take_backlog(
        self, now: float, positions: Mapping[Partition, int], behind: frozenset[Partition]
    ) -> None:
        """Judge by the partitions with records that waited while the loop was at `positions`."""
        for partition, offset in positions.items():
            rests = self._notes.positions.get(partition) == offset and not self._notes.waiting
            if rests and partition in behind:
                self._behind_since.setdefault(partition, now)
            else:
                self._behind_since.pop(partition, None)

    def reset(self, now: float) -> None:
        """Count every time from now: Kafka is away, or the process was frozen."""
        self._turned_at = self._moved_at = now
        self._behind_since.clear()

    def turnless_s(self, now: float) -> float:
        """Return for how many seconds the loop has made no turn, its announced pause excluded."""
        return now - self._turned_at - self._notes.pause_s

    def behind(self, now: float) -> dict[Partition, float]:
        """Return the partitions that rest with records to read, each with its seconds."""
        limit = now - self._patience_s
        return {p: now - since for p, since in self._behind_since.items() if since < limit}

    def stall(self, now: float) -> str | None:
        """Return a sentence about the stall, None for a loop that works."""
        if (still_s := self.turnless_s(now)) > self._patience_s:
            return f"the loop has made no turn for {still_s:.0f} s"
        if (behind := self.behind(now)) and now - self._moved_at > self._patience_s:
            (topic, number), still_s = max(behind.items(), key=lambda item: item[1])
            offset = self._notes.positions.get((topic, number))
            return (
                f"the loop has read nothing for {still_s:.0f} s, although {topic}/{number} has "
                f"records after offset {offset}"
            )
        return None


class Watchdog:
    """Judges one loop every tenth of the patience, in a thread.

    A look at Kafka runs in another thread with a deadline of half the patience. While a look does
    not return, /readyz says that the watchdog is blind, and the turns alone are judged.
    """

    def __init__(
        self,
        health: Health,
        progress: Progress,
        ops: OpsSettings,
        clock: Clock,
        look: Look | None = None,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        self._health, self._progress, self._clock = health, progress, clock
        self._look, self._end = look, end
        self._patience_s = ops.stall.total_seconds()
        self._judgement = Judgement(self._patience_s, clock.monotonic())
        self._stop = threading.Event()
        self._looking: threading.Thread | None = None
        self._look_began = self._judged_at = 0.0
        self._blind_since: datetime | None = None
        self._warned_at = float("-inf")
        self._lock = threading.Lock()
        health.add(progress.name, self.problem)
        health.note(f"{progress.name} partitions", self.delay)

    def start(self) -> None:
        """Watch until `stop`."""
        self._judged_at = now = self._clock.monotonic()
        with self._lock:
            self._judgement.reset(now)
        threading.Thread(target=self._run, name=self._progress.name, daemon=True).start()

    def stop(self) -> None:
        """End the watching."""
        self._stop.set()

    def problem(self) -> str | None:
        """Return a sentence for /readyz, None when all is well."""
        with self._lock:
            stall = self._judgement.stall(self._clock.monotonic())
        if stall is None and self._blind_since is not None:
            since = self._blind_since.strftime("%Y-%m-%dT%H:%M:%SZ")
            return f"the watchdog is blind since {since}: its question to Kafka does not return"
        return stall

    def delay(self) -> str | None:
        """Return the partitions that rest while others move, None without one."""
        with self._lock:
            behind = self._judgement.behind(self._clock.monotonic())
        return ", ".join(f"{t}/{n} rests for {s:.0f} s" for (t, n), s in behind.items()) or None

    def _run(self) -> None:
        while not self._stop.wait(self._patience_s / 10):
            self._judge()

    def _judge(self) -> None:
        now = self._clock.monotonic()
        frozen = now - self._judged_at > self._patience_s / 2
        self._judged_at = now
        with self._lock:
            if frozen:  # the whole process, and this thread with it
                self._judgement.reset(now)
                self._look_began = now
            resting = self._judgement.observe(now, self._progress.notes())
            turnless = self._judgement.turnless_s(now) > self._patience_s / 3
            stall, behind = self._judgement.stall(now), self._judgement.behind(now)
        if stall is not None:
            self._end_process(stall)
        elif behind:
            self._warn("partition.behind", partitions=[f"{t}/{n}" for t, n in behind])
        self._check_sight(now)
        if self._looking is None and self._look is not None and (resting or turnless):
            self._look_began = now
            self._looking = threading.Thread(
                target=self._ask, args=(self._look, resting), name="look", daemon=True
            )
            self._looking.start()

    def _ask(self, look: Look, positions: Mapping[Partition, int]) -> None:
        """Look once, and hand the result to the judgement."""
        behind: frozenset[Partition] | None = None
        try:
            behind = look(positions)
        except Exception as error:  # noqa: BLE001 - a broker that is away is no stall of the loop
            self._warn("watchdog.kafka_away", error=str(error))
        with self._lock:
            now = self._clock.monotonic()
            if behind is None:
                self._judgement.reset(now)
            else:
                self._judgement.take_backlog(now, positions, behind)
        self._looking = None

    def _check_sight(self, now: float) -> None:
        """Note from when on a look has not returned, and say so in the log."""
        if self._looking is None or now - self._look_began <= self._patience_s / 2:
            if self._blind_since is not None:
                log.warning("watchdog.sees_again", loop=self._progress.name)
            self._blind_since = None
            return
        if self._blind_since is None:
            self._blind_since = self._clock.now().astimezone(UTC)
            self._warned_at = float("-inf")
        self._warn("watchdog.blind", since=self._blind_since.isoformat(timespec="seconds"))

    def _warn(self, event: str, **fields: object) -> None:
        """Log a warning, at most one a minute."""
        now = self._clock.monotonic()
        if now - self._warned_at >= _WARN_EVERY_S:
            self._warned_at = now
            log.warning(event, loop=self._progress.name, **fields)

    def _end_process(self, stall: str) -> None:
        metrics.count("santral_stage_stalled_total", stage=self._health.stage)
        log.error(
            "stage.stalled", loop=self._progress.name, why=stall, stack=_stack(self._progress)
        )
        self._end(STALLED_EXIT_CODE)


def _stack(progress: Progress) -> str:
    """Return the calls in which the loop's thread is now, the innermost last."""
    frame = sys._current_frames().get(progress.thread or 0)
    calls = traceback.extract_stack(frame, limit=8) if frame is not None else []
    return " > ".join(
        f"{call.filename.rpartition('/')[2]}:{call.lineno} {call.name}" for call in calls
    )
