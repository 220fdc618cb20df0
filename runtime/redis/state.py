"""The state of one Redis client, with its last failure.

client.py reports each exchange with the server. `problem` answers /readyz, and the log gets the
events redis.away, at most once a minute, and redis.back.
"""

import time
from collections.abc import Callable

from runtime.log import get
from runtime.redis.errors import summary

log = get(__name__)

LOG_INTERVAL_S = 60.0
QUIET_S = 3.0
"""A server that is read-only still answers reads: without a failure for this
time it counts as well again."""


class RedisState:
    """Failures of one client, noted by its connections."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._problem: str | None = None
        self._failed_at = 0.0
        self._logged_at: float | None = None
        self._unlogged = 0
        self._announced = False

    def failed(self, error: BaseException) -> None:
        """Note a failure, and log it unless the last line is younger than a minute."""
        now = self._monotonic()
        self._problem, self._failed_at = summary(error), now
        self._unlogged += 1
        if self._logged_at is None or now - self._logged_at >= LOG_INTERVAL_S:
            log.warning("redis.away", why=self._problem, errors=self._unlogged)
            self._logged_at, self._unlogged, self._announced = now, 0, True

    def worked(self) -> None:
        """Note an answer; some seconds without a failure end the problem."""
        if self._problem is not None and self._monotonic() - self._failed_at > QUIET_S:
            self._problem = None
            if self._announced:
                log.info("redis.back")
            self._announced = False

    def problem(self) -> str | None:
        """Return the sentence of a failure that no later answer ended, None when all is well."""
        return self._problem and f"Redis is away: {self._problem}"
