"""Health by outcomes, and the small server on which a stage tells of itself.

/livez: the process answers and its watchdog has not given up. /readyz: every check of `Health`
is content, each judged by what was achieved (age of the last success), not by an open socket.
/metrics: runtime/metrics.py. Before: a stage's run.py. After: supervisors, Prometheus.
"""

import json
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runtime import metrics
from runtime.clock import Clock
from runtime.log import get
from runtime.settings.structs import OpsSettings
from schemas.errors import Unavailable

log = get(__name__)

Check = Callable[[], str | None]
"""Answers None when all is well, else a sentence that says what is wrong."""

_ELSEWHERE = "/readyz on the ops port has the reason"

_STARTING = "the stage starts and has not added all its checks yet"

STALLED = 70
"""Exit code of a stage that its watchdog ended (EX_SOFTWARE)."""


class Health:
    """The checks of one process."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._checks: dict[str, Check] = {}
        self._notes: dict[str, Check] = {}
        self._urgent: set[str] = set()
        self._is_starting = False

    def begin_start(self) -> None:
        """Be not ready until `finish_start`: the stage has yet to add its checks."""
        self._is_starting = True

    def finish_start(self) -> None:
        """Let the checks alone decide from now on."""
        self._is_starting = False

    def add(self, name: str, check: Check) -> None:
        """Add a check that decides whether the process is ready."""
        self._checks[name] = check

    def note(self, name: str, check: Check, *, urgent: bool = False) -> None:
        """Add a check that people see and that does not decide readiness.

        An urgent note that says something is shown without `verbose`, too.
        """
        self._notes[name] = check
        if urgent:
            self._urgent.add(name)

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by the check's name; empty when ready."""
        found = {name: check() for name, check in list(self._checks.items())}
        wrong = {name: text for name, text in found.items() if text is not None}
        return {"start": _STARTING} | wrong if self._is_starting else wrong

    def report(self, *, verbose: bool = False, public: bool = False) -> tuple[int, bytes]:
        """Return the status and the JSON body of /readyz.

        `verbose` names every check and note. `public` leaves the reasons out: they name inner
        addresses.
        """
        wrong = self.problems()
        if public:
            wrong = dict.fromkeys(wrong, _ELSEWHERE)
        body: dict[str, object] = {"stage": self.stage, "ready": not wrong, "problems": wrong}
        notes = {name: check() for name, check in list(self._notes.items())}
        urgent = {name: text for name, text in notes.items() if text and name in self._urgent}
        if public:
            urgent = dict.fromkeys(urgent, _ELSEWHERE)
        if verbose:
            body["checks"] = {name: wrong.get(name, "ok") for name in list(self._checks)}
            body["notes"] = {name: text or "ok" for name, text in notes.items()}
        elif urgent:
            body["notes"] = urgent
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Log a bug as an event; a probe may close its connection before it has the answer."""
        if not isinstance(sys.exception(), ConnectionError):
            log.exception("ops.failed")


def serve(health: Health, ops: OpsSettings) -> ThreadingHTTPServer:
    """Answer /livez, /readyz and /metrics in a thread; `server_port` tells the port.

    Raises Unavailable when the port is taken.
    """
    handler = type("Answer", (_Answer,), {"health": health})
    try:
        server = _Server((ops.host, ops.port), handler)
    except OSError as error:
        raise Unavailable(
            f"the ops port {ops.host}:{ops.port} can't be opened ({error.strerror}). Stop what "
            "uses it, or set `port` in [ops]."
        ) from error
    threading.Thread(target=server.serve_forever, name="ops", daemon=True).start()
    return server
