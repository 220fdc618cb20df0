"""The health of sources, as a line for each in `/readyz?verbose` and as metrics.

run.py starts the sources, and operators see which one is stuck. An unreachable source never makes
the door unready, because the door still takes everything else.
"""

from runtime import metrics
from runtime.clock import Clock
from runtime.health.checks import Health, LastSuccess

MAX_PASS_AGE_S = 600.0
"""A source without a finished pass for this time counts as stuck; most poll every minute."""


class SourceHealth:
    """The finished passes of one account, counted for each of its mailboxes."""

    def __init__(self, name: str, health: Health, clock: Clock) -> None:
        self._name, self._clock = name, clock
        self._last_pass = LastSuccess(clock, MAX_PASS_AGE_S, "finished poll")
        self._mailboxes: dict[str, LastSuccess] = {}
        health.note(f"source {name}", self._last_pass)
        metrics.gauge_of(
            "santral_source_ready", lambda: float(self._last_pass() is None), source=name
        )
        self._show_age(name, self._last_pass)

    def report_pass(self, source: str) -> None:
        """Note a finished pass over `source`, which is the account or one of its mailboxes."""
        self._last_pass.succeeded()
        if source == self._name:
            return
        if source not in self._mailboxes:
            self._mailboxes[source] = LastSuccess(self._clock, MAX_PASS_AGE_S, "finished poll")
            self._show_age(source, self._mailboxes[source])
        self._mailboxes[source].succeeded()

    def age(self) -> float | None:
        """Return the seconds since the last finished pass, or None before the first."""
        return self._last_pass.age()

    def _show_age(self, source: str, last_pass: LastSuccess) -> None:
        """Publish the seconds since the last pass, or since the start before the first."""
        started_s = self._clock.monotonic()

        def age_s() -> float:
            age = last_pass.age()
            return self._clock.monotonic() - started_s if age is None else age

        metrics.gauge_of("santral_source_poll_age_seconds", age_s, source=source)
