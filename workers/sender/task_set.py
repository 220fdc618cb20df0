"""A set of tasks that belong to one loop, which gets their errors and ends them.

The loop does not wait for a task; its next turn raises the error of a task that failed.
"""

import asyncio
from collections.abc import Coroutine

_CANCEL_TIMEOUT_S = 3.0
"""Cancelled tasks may still write for this time."""


class TaskSet:
    """Tasks of one loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Start a task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error

    def raise_failure(self) -> None:
        """Raise the error of a task that failed since the last call."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    async def finish(self, timeout_s: float) -> None:
        """Wait for the tasks up to `timeout_s`, then cancel those that still run."""
        running = set(self._tasks)
        if running:
            await asyncio.wait(running, timeout=timeout_s)
        running = {task for task in running if not task.done()}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_CANCEL_TIMEOUT_S)
