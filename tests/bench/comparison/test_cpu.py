"""The CPU time of a process grows with its work."""

import os
import threading
import time

from bench.comparison.cpu import main_threads_s, processes_s


def _work(seconds: float) -> None:
    """Use the CPU for some seconds of its time."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_process_counts_all_its_threads_and_the_main_one_apart() -> None:
    pids = [os.getpid()]
    main_before, process_before = main_threads_s(pids), processes_s(pids)
    thread = threading.Thread(target=_work, args=(0.1,))
    thread.start()
    _work(0.05)
    thread.join()
    main, process = main_threads_s(pids) - main_before, processes_s(pids) - process_before
    assert main >= 0.05
    assert process >= 0.13  # the kernel rounds to hundredths
    assert main < process
