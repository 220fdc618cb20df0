"""Health by outcomes, and the small server on which a stage tells of itself.

/livez: the process answers and its watchdog has not given up. /readyz: every check of `Health`
is content, each judged by what was achieved (age of the last success), not by an open socket.
/metrics: runtime/metrics.py. Before: a stage's run.py. After: supervisors, Prometheus.
"""

import json
import os
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runtime import metrics
from runtime.clock import Clock
from runtime.log import get
from runtime.settings import Ops

log = get(__name__)

Check = Callable[[], str | None]
"""Answers None when all is well, else a sentence that says what is wrong."""

STALLED = 70
"""Exit code of a stage that its watchdog ended (EX_SOFTWARE)."""


class Health:
    """The checks of one process."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._checks: dict[str, Check] = {}
        self._notes: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Add a check that decides whether the process is ready."""
        self._checks[name] = check

    def note(self, name: str, check: Check) -> None:
        """Add a check that people see and that does not decide readiness."""
        self._notes[name] = check

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by the check's name; empty when ready."""
        found = {name: check() for name, check in list(self._checks.items())}
        return {name: text for name, text in found.items() if text is not None}

    def report(self, *, verbose: bool = False) -> tuple[int, bytes]:
        """Return the status and the JSON body of /readyz; `verbose` names every check."""
        wrong = self.problems()
        body: dict[str, object] = {"stage": self.stage, "ready": not wrong, "problems": wrong}
        if verbose:
            body["checks"] = {name: wrong.get(name, "ok") for name in list(self._checks)}
            body["notes"] = {name: check() or "ok" for name, check in list(self._notes.items())}
        return (503 if wrong else 200), json.dumps(body, ensure_ascii=False).encode()


def _is_verbose(query: str) -> bool:
    """Say whether the query of a /readyz asks for every check."""
    return any(part.partition("=")[0] == "verbose" for part in query.split("&"))


class Fresh:
    """A check that something succeeded not longer than `limit` seconds ago."""

    def __init__(self, clock: Clock, limit: float, what: str) -> None:
        self._clock, self._limit, self._what = clock, limit, what
        self._last: float | None = None

    def succeeded(self) -> None:
        """Note a success now."""
        self._last = self._clock.monotonic()

    def age(self) -> float | None:
        """Return the seconds since the last success, None before the first."""
        return None if self._last is None else self._clock.monotonic() - self._last

    def __call__(self) -> str | None:
        """Return what is wrong, or None."""
        age = self.age()
        if age is None:
            return f"no {self._what} yet"
        return f"last {self._what} {age:.0f} s ago" if age > self._limit else None


class _Answer(BaseHTTPRequestHandler):
    health: Health

    def do_GET(self) -> None:
        status, kind, body = 200, "application/json", b'{"live": true}'
        path, _, query = self.path.partition("?")
        if path == "/metrics":
            kind, body = "text/plain; version=0.0.4; charset=utf-8", metrics.exposition()
        elif path == "/readyz":
            status, body = self.health.report(verbose=_is_verbose(query))
        elif path != "/livez":
            status, body = 404, b'{"error": "only /livez, /readyz and /metrics live here"}'
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Probes come every few seconds: they are not events."""


def serve(health: Health, ops: Ops) -> ThreadingHTTPServer:
    """Answer /livez, /readyz and /metrics in a thread; `server_port` tells the port."""
    handler = type("Answer", (_Answer,), {"health": health})
    server = ThreadingHTTPServer((ops.host, ops.port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="ops", daemon=True).start()
    return server


class Watchdog:
    """Ends the process when its position stands still while it has lag.

    `look` returns (position, lag) summed over what this process owns; it is called in a thread
    of the watchdog, so it works while the stage itself hangs.
    """

    def __init__(
        self, health: Health, look: Callable[[], tuple[int, int]], ops: Ops, clock: Clock,
        end: Callable[[int], None] = os._exit, name: str = "watchdog",
    ) -> None:  # fmt: skip
        self._health, self._look, self._clock, self._end = health, look, clock, end
        self._patience = ops.stall.total_seconds()
        self._position: int | None = None
        self._moved_at = clock.monotonic()
        self._stop = threading.Event()
        self._name, self._looked_at = name, clock.monotonic()
        health.add(name, self.problem)

    def start(self) -> None:
        """Look every tenth of the patience, in a thread."""
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def stop(self) -> None:
        """Stop looking."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._patience / 10):
            try:
                position, lag = self._look()
            except Exception as error:  # noqa: BLE001 - a broker that is away is not a stall
                log.warning("watchdog.blind", error=str(error))
                self._moved_at = self._clock.monotonic()
                continue
            self.saw(position, lag)

    def saw(self, position: int, lag: int) -> None:
        """Judge one look; end the process when nothing moved for too long."""
        now, before = self._clock.monotonic(), self._looked_at
        self._looked_at = now
        if now - before > self._patience / 2:
            self._moved_at = now  # the whole process was frozen, this thread too: begin anew
        if position != self._position or lag <= 0:
            self._position, self._moved_at = position, self._clock.monotonic()
            return
        still = self._clock.monotonic() - self._moved_at
        if still > self._patience:
            metrics.count("santral_stage_stalled_total", stage=self._health.stage)
            log.error(
                "stage.stalled", what=self._name, position=position, lag=lag, seconds=round(still)
            )
            self._end(STALLED)

    def problem(self) -> str | None:
        """Return what is wrong, or None."""
        still = self._clock.monotonic() - self._moved_at
        return f"position stands still for {still:.0f} s" if still > self._patience else None
