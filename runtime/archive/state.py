"""The state of an archive, for readiness: the outcome of its last write, or of a probe.

An archive notes each write here, and /readyz asks `Archive.problem`.
"""

import threading
import time
from collections.abc import Callable

from schemas.errors import Unavailable

TRUST_S = 10.0
"""A success counts for this time. After it, or a second after a failure, a probe decides."""
_DISTRUST_S = 1.0


class ArchiveState:
    """The last outcome of an archive's writes; threads may share it."""

    def __init__(
        self, probe: Callable[[], None], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._probe, self._monotonic = probe, monotonic
        self._problem: str | None = None
        self._judged_at: float | None = None
        self._lock = threading.Lock()

    def worked(self) -> None:
        """Note a write that succeeded."""
        self._problem, self._judged_at = None, self._monotonic()

    def failed(self, problem: str) -> None:
        """Note a write that failed."""
        self._problem, self._judged_at = problem, self._monotonic()

    def problem(self) -> str | None:
        """Return what is wrong, None when a write would succeed now; it may probe the archive."""
        with self._lock:
            patience_s = TRUST_S if self._problem is None else _DISTRUST_S
            if self._judged_at is None or self._monotonic() - self._judged_at > patience_s:
                try:
                    self._probe()
                except Unavailable as error:
                    self.failed(str(error))
                else:
                    self.worked()
            return self._problem
