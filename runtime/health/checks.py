"""Health by outcomes: whether a stage is ready, by checks of its own work.

A check judges an achievement, such as the age of the last success, and not an open socket. A
stage's run.py adds the checks, and ops_server.py answers /readyz with them.
"""

import json
from collections.abc import Callable

from runtime.clock import Clock

Check = Callable[[], str | None]
"""Returns None if all is well, else a sentence with the problem."""

_REASON_HIDDEN = "/readyz on the ops port has the reason"

_STARTING = "the stage starts and has not added all its checks yet"


class Health:
    """The checks of one process."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._checks: dict[str, Check] = {}
        self._notes: dict[str, Check] = {}
        self._urgent: set[str] = set()
        self._is_starting = False

    def begin_start(self) -> None:
        """Report not ready until `finish_start`, because the stage has not added all its checks."""
        self._is_starting = True

    def finish_start(self) -> None:
        """Let only the checks decide from now on."""
        self._is_starting = False

    def add(self, name: str, check: Check) -> None:
        """Add a check that decides whether the process is ready."""
        self._checks[name] = check

    def note(self, name: str, check: Check, *, urgent: bool = False) -> None:
        """Add a check that people see and that does not decide readiness.

        The report always has an urgent note's problem, and the other notes only with `verbose`.
        """
        self._notes[name] = check
        if urgent:
            self._urgent.add(name)

    def problems(self) -> dict[str, str]:
        """Return the problems by the name of their check; an empty dict when ready."""
        results = {name: check() for name, check in list(self._checks.items())}
        problems = {name: text for name, text in results.items() if text is not None}
        return {"start": _STARTING} | problems if self._is_starting else problems

    def report(self, *, verbose: bool = False, public: bool = False) -> tuple[int, bytes]:
        """Return the status and the JSON body of /readyz.

        `verbose` adds every check and note. `public` hides the reasons, which name inner addresses.
        """
        problems = self.problems()
        if public:
            problems = dict.fromkeys(problems, _REASON_HIDDEN)
        body: dict[str, object] = {"stage": self.stage, "ready": not problems, "problems": problems}
        notes = {name: check() for name, check in list(self._notes.items())}
        urgent = {name: text for name, text in notes.items() if text and name in self._urgent}
        if public:
            urgent = dict.fromkeys(urgent, _REASON_HIDDEN)
        if verbose:
            body["checks"] = {name: problems.get(name, "ok") for name in list(self._checks)}
            body["notes"] = {name: text or "ok" for name, text in notes.items()}
        elif urgent:
            body["notes"] = urgent
        return (503 if problems else 200), json.dumps(body, ensure_ascii=False).encode()


class LastSuccess:
    """A check that an event succeeded within the last `limit_s` seconds."""

    def __init__(self, clock: Clock, limit_s: float, event: str) -> None:
        self._clock, self._limit_s, self._event = clock, limit_s, event
        self._last: float | None = None

    def succeeded(self) -> None:
        """Note a success now."""
        self._last = self._clock.monotonic()

    def age(self) -> float | None:
        """Return the seconds since the last success, or None before the first."""
        return None if self._last is None else self._clock.monotonic() - self._last

    def __call__(self) -> str | None:
        """Return the problem, or None."""
        age = self.age()
        if age is None:
            return f"no {self._event} yet"
        return f"last {self._event} {age:.0f} s ago" if age > self._limit_s else None
