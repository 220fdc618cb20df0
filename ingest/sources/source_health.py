"""The health of pulled sources: a line for each in `/readyz?verbose`, and metrics.

Before: run.py starts the sources. After: operators see which one is stuck. An unreachable source
never makes the door unready, because the door still takes everything else.
"""

from runtime import metrics
from runtime.clock import Clock
from runtime.health.health import Fresh, Health

POLL_AGE_S = 600.0
"""A source without a finished pass for this long counts as stuck."""


class SourceHealth:
    """The finished passes of one account, counted for each of its mailboxes."""

    def __init__(self, name: str, health: Health, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._fresh = Fresh(clock, POLL_AGE_S, "finished poll")
        self._parts: dict[str, Fresh] = {}
        health.note(f"source {name}", self._fresh)
        metrics.gauge_of("santral_source_ready", lambda: float(self._fresh() is None), source=name)
        self._show_age(name, self._fresh)

    def succeeded(self, source: str) -> None:
        """Note that a pass over `source`, the account or one of its mailboxes, was finished."""
        self._fresh.succeeded()
        if source == self._name:
            return
        if source not in self._parts:
            self._parts[source] = Fresh(self._clock, POLL_AGE_S, "finished poll")
            self._show_age(source, self._parts[source])
        self._parts[source].succeeded()

    def age(self) -> float | None:
        """Return the seconds since the last finished pass, None before the first."""
        return self._fresh.age()

    def _show_age(self, source: str, fresh: Fresh) -> None:
        began = self._clock.monotonic()

        def age_s() -> float:
            age = fresh.age()
            return self._clock.monotonic() - began if age is None else age

        metrics.gauge_of("santral_source_poll_age_seconds", age_s, source=source)
