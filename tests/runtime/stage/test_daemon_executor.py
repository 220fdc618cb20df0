"""A daemon executor runs its calls in order, and hands over their results and errors."""

import threading

import pytest

from runtime.stage.daemon_executor import DaemonExecutor


def test_calls_run_in_order_in_one_thread() -> None:
    executor = DaemonExecutor("test")
    calls: list[tuple[int, int]] = []
    futures = [
        executor.submit(lambda n=number: calls.append((n, threading.get_ident())))
        for number in range(20)
    ]
    for future in futures:
        future.result(5)
    assert [number for number, _ in calls] == list(range(20))
    assert len({thread for _, thread in calls}) == 1


def test_the_caller_gets_the_error_and_the_next_call_runs() -> None:
    executor = DaemonExecutor("test")
    values: dict[str, int] = {}
    failed = executor.submit(lambda: values["absent"])
    with pytest.raises(KeyError):
        failed.result(5)
    assert executor.submit(lambda: 1).result(5) == 1


def test_a_call_that_was_cancelled_before_its_turn_does_not_run() -> None:
    executor = DaemonExecutor("test")
    turn, calls = threading.Event(), list[str]()
    first = executor.submit(turn.wait, 5)
    second = executor.submit(lambda: calls.append("second"))
    assert second.cancel()
    turn.set()
    assert first.result(5)
    executor.submit(lambda: None).result(5)
    assert calls == []
