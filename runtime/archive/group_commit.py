"""One flush that many deliveries share, in a thread beside the event loop.

Ingest appends a delivery and requests a flush. It acknowledges the delivery when the disk and Kafka
have it.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from schemas.errors import Unavailable

GATHER_S = 0.001
"""A flush waits this time after its first request. Kafka's acknowledgement takes longer, and at a
thousand deliveries a second several share the flush."""
_IDLE_S = 5.0
"""The thread ends after this time without a request."""

Waiting = list["asyncio.Future[None]"]


class GroupCommit:
    """Flushes of one event loop: requests that come during a flush share the next one.

    The thread is its own, since a bucket that hangs may occupy all threads of the loop.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._waiting: Waiting = []
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._running = False

    def request(self) -> "asyncio.Future[None]":
        """Return a future that ends when what was appended before is safe, or with Unavailable."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        # A delivery that fails elsewhere first never asks for its future's error.
        future.add_done_callback(_retrieve_error)
        with self._lock:
            self._waiting.append(future)
            if len(self._waiting) == 1:
                self._wake.set()
            if not self._running:
                self._running = True
                threading.Thread(
                    target=self._run, args=(loop,), name="archive flush", daemon=True
                ).start()
        return future

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._wake.wait(_IDLE_S) or not self._may_end():
            time.sleep(GATHER_S)
            with self._lock:
                batch, self._waiting = self._waiting, []
                self._wake.clear()
            error = None
            try:
                self._flush()
            except Exception as failure:  # noqa: BLE001 - each waiting delivery raises it
                error = str(failure)
            with suppress(RuntimeError):  # the loop ended, and its deliveries with it
                loop.call_soon_threadsafe(_finish, batch, error)

    def _may_end(self) -> bool:
        with self._lock:
            self._running = bool(self._waiting)
            return not self._running


def _finish(batch: Sequence["asyncio.Future[None]"], error: str | None) -> None:
    for future in batch:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(Unavailable(error))


def _retrieve_error(future: "asyncio.Future[None]") -> None:
    if not future.cancelled():
        future.exception()
