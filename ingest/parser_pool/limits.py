"""Limits the CPU time and the memory of one delivery, by means of the kernel.

SIGPROF ends a process that exceeds its CPU time, and Python raises MemoryError when it exceeds its
memory. A kernel without /proc (macOS) does not limit the memory.
Source: setitimer(2), getrlimit(2), proc(5).
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

_MB = 1024 * 1024
_CPU_S_PER_MB = 0.5  # measured: a mail of 62 MB with a ZIP file takes 5 s, of 58 MB of text 3.6 s
_MEMORY_PER_BYTE = 16  # measured: 58 MB of text take 13 times as much at their peak
_STATM = Path("/proc/self/statm")


@dataclass(frozen=True, kw_only=True)
class Limit:
    """CPU seconds and bytes of memory for one delivery."""

    cpu_s: float
    memory_bytes: int

    @property
    def wall_s(self) -> float:
        """Seconds of wall time after which the caller gives up a process. On a busy machine a
        delivery takes several times its CPU time."""
        return 6 * self.cpu_s


def limit_of(size: int, cpu: timedelta, memory_mb: int) -> Limit:
    """Return the limit of a delivery of `size` bytes."""
    return Limit(
        cpu_s=cpu.total_seconds() + _CPU_S_PER_MB * size / _MB,
        memory_bytes=memory_mb * _MB + _MEMORY_PER_BYTE * size,
    )


@contextlib.contextmanager
def limited(limit: Limit) -> Iterator[None]:
    """Limit this process's CPU time and memory."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    used_bytes = _data_bytes()
    if used_bytes is not None:
        soft = used_bytes + limit.memory_bytes
        soft = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    signal.setitimer(signal.ITIMER_PROF, limit.cpu_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        if used_bytes is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))


def end_with_parent(parent: int) -> None:
    """Ask the kernel to end this process with its parent (Linux); end at once if it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)


def _data_bytes() -> int | None:
    """Return the bytes that RLIMIT_DATA counts: heap, private mappings and stack."""
    try:
        return int(_STATM.read_bytes().split()[5]) * resource.getpagesize()
    except OSError:
        return None
