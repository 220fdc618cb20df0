"""One process of the local profile, with its start, its readiness and its end.

The supervisor runs Kafka, Valkey and the stages as children that never outlive it.
"""

import asyncio
import ctypes
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field

_STOP_S = 15.0  # a stage finishes its work at hand; after this time it counts as hung


@dataclass(eq=False)
class Child:
    """One process: the way to start it, and to ask whether it is ready."""

    name: str
    command: list[str]
    environ: dict[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0


def bind_to_parent(parent: int) -> None:
    """In the child, before it runs: on Linux, ask the kernel to end it with its parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


async def end(child: Child) -> None:
    """Ask a child to end, and kill it when it takes too long; wake a frozen one first."""
    process = child.process
    if process is None or process.returncode is not None:
        return
    try:
        process.send_signal(signal.SIGCONT)
        process.terminate()
    except ProcessLookupError:
        return
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def is_alive(child: Child) -> bool:
    """Say whether its process runs."""
    return child.process is not None and child.process.returncode is None


def describe_ending(code: int) -> str:
    """Return the name of the signal that ended it, or its exit code in words."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def is_ready(url: str) -> bool:
    """Say whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
