"""`santral up` to ready after the first install, and what it holds in memory."""

import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.support.servers.local_profile import LocalProfile


def run() -> dict[str, Any]:
    """Start twice: new, and again on what is there."""
    with tempfile.TemporaryDirectory() as folder:
        times, resident, proportional = [], 0.0, 0.0
        for _ in range(2):
            began = time.perf_counter()
            made = LocalProfile(Path(folder)).start()
            times.append(time.perf_counter() - began)
            assert made.process is not None
            own = psutil.Process(made.process.pid)
            everyone = [own, *own.children(recursive=True)]
            resident = sum(p.memory_info().rss for p in everyone) / 1e6
            proportional = sum(p.memory_full_info().pss for p in everyone) / 1e6
            made.stop()
    return {
        "first_start_s": round(times[0], 1),
        "second_start_s": round(times[1], 1),
        "resident_mb": round(resident),
        "proportional_mb": round(proportional),
    }
