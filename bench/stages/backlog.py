"""The router's throughput behind a backlog of a million messages against one of ten thousand."""

import os
import time

import psutil

from bench.policy import policy
from bench.support import fill
from router.run import Router
from runtime.archive.folder_archive import FolderArchive
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.settings.structs import Settings
from tests.support.servers.broker import start_broker


def _route_waiting(settings: Settings, count: int) -> tuple[float, Router]:
    """Route the waiting messages; return the messages a second, and the router, still running."""
    router = Router(
        settings, policy(), SystemClock(), FolderArchive(settings.archive_path), Health("bench")
    )
    router.start()
    done, began = 0, 0.0
    while done < count:
        if not began and router.loop and router.loop.membership.numbers():
            began = time.perf_counter()
        done += router.turn()
    seconds = time.perf_counter() - began
    return done / seconds, router


def _route_backlog(
    settings: Settings, router: Router, count: int, conversations: int, first: int
) -> float:
    """Let messages wait for a paused router, then route them; return the messages a second."""
    # Without the pause the client fetches while the backlog grows: a small one would be half done.
    assert router.loop is not None
    consumer = router.loop.membership.consumer
    partitions = consumer.assignment()
    consumer.pause(partitions)
    fill(settings, count, conversations, first)
    began, done = time.perf_counter(), 0
    consumer.resume(partitions)
    while done < count:
        done += router.turn()
    return count / (time.perf_counter() - began)


def _memory_mb() -> float:
    resident_bytes: int = psutil.Process().memory_info().rss
    return resident_bytes / 1e6


def run() -> dict[str, float]:
    """Measure the throughput with a backlog of a million against one of ten thousand."""
    large = int(os.environ.get("BENCH_BACKLOG", "1000000"))
    small, conversations = 10_000, 50_000
    with start_broker() as settings:
        fill(settings, small * 10, conversations)
        _, router = _route_waiting(settings, small * 10)
        rates = [
            _route_backlog(settings, router, small, conversations, number * 10_000_000)
            for number in (1, 2, 3)
        ]
        memory_before = _memory_mb()
        rate = _route_backlog(settings, router, large, conversations, 100_000_000)
        memory_after = _memory_mb()
        router.stop()
    typical = sorted(rates)[1]
    return {
        "backlog": large,
        "small_per_s": round(typical),
        "large_per_s": round(rate),
        "ratio": round(rate / typical, 3),
        "memory_before_mb": round(memory_before),
        "memory_after_mb": round(memory_after),
    }
