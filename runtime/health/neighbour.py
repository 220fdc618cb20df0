"""The neighbours of a stage (Kafka, Redis, the store and the archive), judged by their last use.

A stage notes how each use of a neighbour ended, and a probe of runtime/stage/probes.py uses it in
quiet times. /readyz names the neighbour, the failure and its beginning, and the log has one line a
minute.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from runtime.clock import Clock
from runtime.log import get

log = get(__name__)

Probe = Callable[[], None]
"""Uses the neighbour once, within its own time limit; raises what went wrong."""

PROBE_INTERVAL_S = 2.5
PROBE_LIMIT_S = 5.0
"""A probe without an answer within this time counts as failed, because a frozen server accepts
connections and stays silent. With the interval, readiness falls within 8 seconds."""

_RETRY_INTERVAL_S = 1.0  # while it fails, so that readiness is back soon after the neighbour
_HOLD_S = 5.0  # a failed use outweighs a probe for this time, because a probe tries less
_LINE_INTERVAL_S = 60.0


@dataclass(frozen=True)
class Failure:
    """The first failure since the last success, with the newest reason; times are monotonic."""

    reason: str
    began_at: datetime
    began_s: float
    newest_use_s: float | None


class Neighbour:
    """One neighbour of this process; every method may be called from any thread."""

    def __init__(
        self, name: str, clock: Clock, probe: Probe | None = None, event: str = "neighbour"
    ) -> None:
        """`event` is the first word of its lines in the log."""
        self.name = name
        self._clock, self._probe = clock, probe
        self._away_event, self._back_event = f"{event}.away", f"{event}.back"
        self._lock = threading.Lock()
        self._failure: Failure | None = None
        self._success_s: float | None = None
        self._probe_began_s: float | None = None
        self._line_s: float | None = None
        self._outage_logged = False
        self._started, self._stop = False, threading.Event()

    def start(self) -> None:
        """Probe now, and then whenever it is quiet, in one thread."""
        if self._started or self._probe is None:
            return
        self._started = True
        threading.Thread(target=self._run, args=(self._probe,), name=self.name, daemon=True).start()

    def stop(self) -> None:
        """End the probing."""
        self._stop.set()

    def succeeded(self) -> None:
        """Note a use that worked."""
        self._success_s = self._clock.monotonic()
        if self._failure is not None:
            self._recover()

    def failed(self, error: BaseException | str) -> None:
        """Note a use that failed."""
        self._fail(_sentence(error), self._clock.monotonic())

    def problem(self) -> str | None:
        """Return what is wrong with it and since when, or None."""
        now, failure, began = self._clock.monotonic(), self._failure, self._probe_began_s
        if failure is not None:
            since = f"{failure.began_at:%Y-%m-%d %H:%M:%S} UTC, {now - failure.began_s:.0f} s"
            return f"{self.name} fails since {since}: {failure.reason}"
        if began is not None and now - began > PROBE_LIMIT_S:
            return f"{self.name} gives no answer for {now - began:.0f} s"
        if self._success_s is None and self._probe is not None:
            return f"{self.name} has not answered yet"
        return None

    def _run(self, probe: Probe) -> None:
        while True:
            now = self._clock.monotonic()
            quiet = self._success_s is None or now - self._success_s > PROBE_INTERVAL_S / 2
            if quiet or self._failure is not None:
                with contextlib.suppress(OSError):  # a full disk takes no line of the log either
                    self._try(probe, now)
            if self._stop.wait(PROBE_INTERVAL_S if self._failure is None else _RETRY_INTERVAL_S):
                return

    def _try(self, probe: Probe, now: float) -> None:
        self._probe_began_s = now
        try:
            probe()
        except Exception as error:  # noqa: BLE001 - any failure of a probe is the neighbour's
            self._fail(_sentence(error), None)
        else:
            use = None if self._failure is None else self._failure.newest_use_s
            if use is None or self._clock.monotonic() - use > _HOLD_S:
                self.succeeded()
        finally:
            self._probe_began_s = None

    def _fail(self, reason: str, use_s: float | None) -> None:
        now = self._clock.monotonic()
        with self._lock:
            before = self._failure
            self._failure = Failure(
                reason=reason,
                began_at=before.began_at if before else self._clock.now(),
                began_s=before.began_s if before else now,
                newest_use_s=use_s or (before.newest_use_s if before else None),
            )
            if self._line_s is not None and now - self._line_s < _LINE_INTERVAL_S:
                return
            self._line_s, self._outage_logged = now, True
            seconds = round(now - self._failure.began_s)
        log.warning(self._away_event, name=self.name, why=reason, seconds=seconds)

    def _recover(self) -> None:
        with self._lock:
            before, self._failure = self._failure, None
            logged, self._outage_logged = self._outage_logged, False
        if before is not None and logged:
            seconds = round(self._clock.monotonic() - before.began_s)
            log.info(self._back_event, name=self.name, seconds=seconds)


def _sentence(error: BaseException | str) -> str:
    """Return the first line of an error, with its type where it says nothing itself."""
    text = str(getattr(error, "orig", None) or error).strip()  # SQLAlchemy wraps the driver's
    return text.splitlines()[0] if text else type(error).__name__


class Backoff:
    """The pauses between attempts: short at first, two seconds at most."""

    FIRST_S = 0.1
    LONGEST_S = 2.0

    def __init__(self) -> None:
        self._next_s = self.FIRST_S

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._next_s = self.FIRST_S

    def next(self) -> float:
        """Return the seconds to wait before the next attempt."""
        pause_s, self._next_s = self._next_s, min(self.LONGEST_S, self._next_s * 2)
        return pause_s
