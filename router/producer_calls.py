"""Makes the calls of one producer in a thread, so that a call that never returns blocks nobody.

After a broker's death librdkafka may wait in a call beyond every limit. The router then gives the
call up, together with its producer.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from confluent_kafka import KafkaError, KafkaException

GRACE_S = 2.0
"""A call returns within milliseconds of its own limit; a busy machine may take seconds more."""

CallEnd = SimpleQueue[Exception | None]
"""Gets the exception of a call, or None after a success."""


class ProducerCalls:
    """One thread that makes one call after the other."""

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._waiting: SimpleQueue[tuple[Callable[[], None], CallEnd] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="calls", daemon=True).start()

    def make(self, name: str, call: Callable[[float], None], limit_s: float) -> None:
        """Make a call with this limit, and raise its exception.

        Raises a KafkaException that allows no repetition when the call does not return.
        """
        end: CallEnd = SimpleQueue()
        self._waiting.put((lambda: call(limit_s), end))
        try:
            error = end.get(timeout=limit_s + self._grace_s)
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
            call, end = work
            try:
                call()
            except Exception as error:  # noqa: BLE001 - `make` raises it in the caller's thread
                end.put(error)
            else:
                end.put(None)
