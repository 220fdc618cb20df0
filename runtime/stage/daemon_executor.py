"""Runs calls one by one in a thread that does not keep the process from ending.

A client that blocks for ever then blocks only its own thread.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class DaemonExecutor(Executor):
    """An executor with one daemon thread."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Run a call after those before it."""
        result: Future[T] = Future()

        def run() -> None:
            if not result.set_running_or_notify_cancel():
                return
            try:
                value = call(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - the caller gets it
                result.set_exception(error)
            else:
                result.set_result(value)

        self._calls.put(run)
        return result

    def _run(self) -> None:
        while True:
            self._calls.get()()
