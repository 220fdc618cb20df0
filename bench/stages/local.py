"""The time of `santral up` to its readiness, first and again, and the memory of its processes."""

import tempfile
import time
from pathlib import Path

import psutil

from tests.support.servers.local_profile import LocalProfile


def run() -> dict[str, float]:
    """Start twice, in a new folder and again in the same."""
    with tempfile.TemporaryDirectory() as folder:
        first_seconds, _, _ = _start(Path(folder))
        second_seconds, resident_mb, proportional_mb = _start(Path(folder))
    return {
        "first_start_s": round(first_seconds, 1),
        "second_start_s": round(second_seconds, 1),
        "resident_mb": round(resident_mb),
        "proportional_mb": round(proportional_mb),
    }


def _start(folder: Path) -> tuple[float, float, float]:
    """Return the seconds to readiness, and the resident and the proportional memory in MB."""
    began = time.perf_counter()
    profile = LocalProfile(folder).start()
    seconds = time.perf_counter() - began
    if profile.process is None:
        raise RuntimeError("the local profile has no process")
    supervisor = psutil.Process(profile.process.pid)
    processes = [supervisor, *supervisor.children(recursive=True)]
    resident_mb = sum(process.memory_info().rss for process in processes) / 1e6
    proportional_mb = sum(process.memory_full_info().pss for process in processes) / 1e6
    profile.stop()
    return seconds, resident_mb, proportional_mb
