"""A clock that a test moves by hand."""

from datetime import datetime, timedelta

from tests.support.messages import NOW


class ManualClock:
    """A clock that shows NOW and the seconds that the test has set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """Return NOW and the seconds."""
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Return the seconds."""
        return self.seconds
