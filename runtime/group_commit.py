"""One wait for the disk that many deliveries share, in a thread beside the event loop.

Before: ingest appends a delivery and requests a flush. After: ingest acknowledges the delivery when
both the disk and Kafka have it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from schemas.errors import Unavailable


class GroupCommit:
    """Flushes of one event loop: requests that come during a flush share the next one."""

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        # A thread of its own: a bucket that hangs may occupy all threads of the loop.
        self._thread = ThreadPoolExecutor(1, "flush")
        self._waiting: list[asyncio.Future[None]] = []
        self._running: asyncio.Task[None] | None = None

    def request(self) -> "asyncio.Future[None]":
        """Return a future that ends when what was appended before is safe, or with Unavailable."""
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        # A delivery that fails elsewhere first never asks for its future's error.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting.append(future)
        if self._running is None or self._running.done():
            self._running = loop.create_task(self._run())
        return future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            error: Exception | None = None
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._flush)
            except Exception as failure:  # noqa: BLE001 - each waiting delivery raises it
                error = failure
            for future in batch:
                if future.done():
                    continue
                if error is None:
                    future.set_result(None)
                else:
                    future.set_exception(Unavailable(str(error)))
