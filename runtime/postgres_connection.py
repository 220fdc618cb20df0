"""A connection to PostgreSQL that gives up on a server without an answer.

runtime/store.py gives it to SQLAlchemy's pool. A frozen server keeps its sockets open and stays
silent, and libpq itself waits for ever.
"""

import time
from collections.abc import Generator
from typing import TypeVar

import psycopg
from psycopg import OperationalError
from psycopg.abc import PQGen
from psycopg.rows import TupleRow
from psycopg.waiting import Ready, Wait

T = TypeVar("T")
_INTERVAL_S = 0.1
"""The pause between two looks at a socket, which psycopg has as its default, too."""


class PatientConnection(psycopg.Connection[TupleRow]):
    """A connection whose every statement fails after `answer_limit_s` without an answer."""

    answer_limit_s: float | None = None

    def wait(self, gen: PQGen[T], interval: float = _INTERVAL_S, timeout: float | None = None) -> T:
        """Run one exchange with the server; close the connection when the answer is late."""
        if self.answer_limit_s is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(_limited(gen, self.answer_limit_s), interval, timeout)
        except _Late as error:
            self.pgconn.finish()
            raise OperationalError(str(error)) from None


class _Late(OperationalError):
    """The server gave no answer in time."""


def _limited(steps: PQGen[T], limit_s: float) -> Generator[Wait, Ready | int, T]:
    """Yield the steps of an exchange; raise _Late when no step was ready for `limit_s` seconds."""
    deadline_s = time.monotonic() + limit_s
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if ready:
                deadline_s = time.monotonic() + limit_s
            elif time.monotonic() > deadline_s:
                raise _Late(f"the server gave no answer within {limit_s:g} s")
            wanted = steps.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result
