"""The CPU time of processes, in seconds since they began."""

from collections.abc import Iterable
from pathlib import Path

import psutil

_NANO = 1e-9


def main_threads_s(pids: Iterable[int]) -> float:
    """Return the CPU seconds of the main threads of some processes together.

    Source: proc_pid_schedstat, whose first number is the time on a CPU in nanoseconds.
    """
    paths = (Path(f"/proc/{pid}/task/{pid}/schedstat") for pid in pids)
    return sum(int(path.read_text().split()[0]) for path in paths) * _NANO


def processes_s(pids: Iterable[int]) -> float:
    """Return the CPU seconds of all threads of some processes, of those that ended too."""
    times = (psutil.Process(pid).cpu_times() for pid in pids)
    return float(sum(time.user + time.system for time in times))
