"""Runs the calls of one producer in a thread, so that a call that never returns stops nobody.

Before: transaction.py makes a call with a time limit. After: it has ended, or it is given up with
its producer. After a broker's death librdkafka may wait in a call beyond every limit.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from confluent_kafka import KafkaError, KafkaException

GRACE_S = 2.0
"""A call ends within milliseconds of its own limit; a busy machine gets some seconds more."""

Answer = SimpleQueue[Exception | None]


class Calls:
    """One thread that makes one call after the other."""

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._waiting: SimpleQueue[tuple[Callable[[], None], Answer] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="calls", daemon=True).start()

    def make(self, name: str, call: Callable[[float], None], limit_s: float) -> None:
        """Make a call with this limit, and raise what it raises.

        Raises a KafkaException that allows no repetition when the call does not return.
        """
        answer: Answer = SimpleQueue()
        self._waiting.put((lambda: call(limit_s), answer))
        try:
            error = answer.get(timeout=limit_s + self._grace_s)
        except Empty:
            raise KafkaException(
                KafkaError(KafkaError._TIMED_OUT, f"{name} does not return")
            ) from None
        if error is not None:
            raise error

    def end(self) -> None:
        """End the thread after the present call."""
        self._waiting.put(None)

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            call, answer = work
            try:
                call()
            except Exception as error:  # noqa: BLE001 - `make` raises it where the call was made
                answer.put(error)
            else:
                answer.put(None)
