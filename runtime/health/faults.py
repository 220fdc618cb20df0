"""Our own faults in the handling of one record, as distinct from outages.

A stage reports an exception that it caught while it handled one record. The log gets its traceback,
`santral_bugs_caught_total` counts it, and the stage continues with the next record. During an
outage the stage waits instead, because the same record succeeds later.
"""

from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from structlog.typing import FilteringBoundLogger

from runtime import metrics
from runtime.redis.errors import is_away
from schemas.errors import Retry, Unavailable

_OUTAGES = (
    Retry,
    Unavailable,
    KafkaError,
    KafkaException,
    OSError,
    MemoryError,
    OperationalError,
    InterfaceError,
)
_PROGRAM_LIMIT = "54"
"""PostgreSQL's class of SQLSTATE for a value too large for its column or index: the record's."""

_STORE_STATES = ("25006", "42501")
"""PostgreSQL's SQLSTATE of a server that takes no writes, and of missing rights: no record's."""


def is_outage(error: BaseException) -> bool:
    """Say whether an error is an outage; any other error is a fault in our own code."""
    if isinstance(error, OperationalError):
        return not str(getattr(error.orig, "sqlstate", "") or "").startswith(_PROGRAM_LIMIT)
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", "") in _STORE_STATES:
        return True
    return is_away(error) or isinstance(error, _OUTAGES)


class guard:  # noqa: N801 - it reads as a word of the language: with guard(…)
    """Keeps a fault in one record's handling from ending the stage: `with guard(log, "desk"): …`.

    It lets an outage through, or only the exceptions of `passes`; pass () around code that meets
    no outside system. It logs a fault with its traceback and counts it, and `failed` is then true.
    """

    def __init__(
        self,
        log: FilteringBoundLogger,
        step: str,
        *,
        passes: tuple[type[Exception], ...] | None = None,
        **fields: object,
    ) -> None:
        self._log, self._step, self._passes, self._fields = log, step, passes, fields
        self.failed = False

    def __enter__(self) -> "guard":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        passes = is_outage(error) if self._passes is None else isinstance(error, self._passes)
        if passes:
            return False
        self.failed = True
        report_fault(self._log, self._step, error, **self._fields)
        return True


def report_fault(log: FilteringBoundLogger, step: str, error: Exception, **fields: object) -> None:
    """Log a caught fault with its traceback, and count it.

    Code that runs for each message calls it in its own `except` clause, which costs nothing until
    there is a fault; a guard costs half a microsecond.
    """
    log.error("bug.caught", step=step, exc_info=error, **fields)
    metrics.count("santral_bugs_caught_total", step=step)
