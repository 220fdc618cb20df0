"""The frame of an asyncio stage, with logs, health, signals, and tasks that end together.

A command starts the process. The stage's `main` runs until SIGTERM or SIGINT, and then finishes its
present work. A task that dies ends the process, and its supervisor restarts it.
"""

import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable, Sequence

import uvloop

from runtime import log as logs
from runtime.clock import Clock, SystemClock
from runtime.health.checks import Health
from runtime.health.ops_server import serve_ops
from runtime.health.progress import Progress
from runtime.settings.structs import Settings
from runtime.stage.memory import return_large_memory
from runtime.stage.watchdog import Watchdog

_FILES = 16_384  # open files that a stage may need: connections, Kafka, logs
_TURN_S = 0.5
Main = Callable[[Settings, Health, Clock, asyncio.Event], Awaitable[None]]


def run(name: str, settings: Settings, main: Main) -> None:
    """Run a stage to its end, and serve its probes and metrics on a separate port.

    The stage is not ready until `main` has added its checks and called `Health.finish_start`.
    """
    logs.configure(name, settings.log_level)
    _raise_file_limit()
    return_large_memory()
    log = logs.get("runtime.stage")
    health = Health(name)
    health.begin_start()
    answering = serve_ops(health, settings.ops)

    async def run_tasks() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        dog = watch_event_loop(health, settings)
        log.info("stage.started", ops_port=answering.server_port)
        await main(settings, health, SystemClock(), stop)
        dog.stop()
        log.info("stage.stopped")

    uvloop.run(run_tasks())
    answering.shutdown()
    answering.server_close()


def watch_event_loop(health: Health, settings: Settings) -> Watchdog:
    """Start the watchdog of the running event loop: a call that blocks it stops its turns."""
    progress, loop = Progress("event loop"), asyncio.get_running_loop()

    def turn() -> None:
        progress.count_turn()
        loop.call_later(_TURN_S, turn)

    turn()
    dog = Watchdog(health, progress, settings.ops, SystemClock())
    dog.start()
    return dog


def _raise_file_limit() -> None:
    """Let the process open as many files as [limits] needs: the default is often 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


async def wait_for_stop(stop: asyncio.Event) -> None:
    """Return when the process shall stop."""
    await stop.wait()


async def before(stop: asyncio.Event, work: Awaitable[None]) -> bool:
    """Wait for `work`; return False, and cancel it, when `stop` is set first."""
    task: asyncio.Future[None] = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(wait_for_stop(stop))
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not task.done():
        task.cancel()
        return False
    task.result()
    return True


async def until(
    stop: asyncio.Event, *work: Awaitable[None], finishing: Sequence[Awaitable[None]] = ()
) -> None:
    """Run tasks until `stop` is set; raise the first failure at once.

    Then `work` is cancelled, while `finishing` watches `stop` itself and is waited for. A task that
    ends before `stop` without a failure is a bug, and a RuntimeError: the stage would end silently.
    """
    tasks: list[asyncio.Future[None]] = [asyncio.ensure_future(w) for w in work]
    last: list[asyncio.Future[None]] = [asyncio.ensure_future(w) for w in finishing]
    stopping = asyncio.ensure_future(wait_for_stop(stop))
    try:
        await asyncio.wait([*tasks, *last, stopping], return_when=asyncio.FIRST_COMPLETED)
        ended = [task for task in (*tasks, *last) if task.done()]
        for task in ended:
            if not task.cancelled() and (error := task.exception()):
                raise error
        if ended and not stop.is_set():
            raise RuntimeError(f"a task ended before its stage: {ended[0]!r}")
    finally:
        stop.set()
        for task in (*tasks, stopping):
            task.cancel()
        await asyncio.gather(*tasks, *last, stopping, return_exceptions=True)
