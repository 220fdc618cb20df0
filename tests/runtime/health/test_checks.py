"""A process is ready as long as its last success is recent."""

import json

from runtime.health.checks import Health, LastSuccess
from tests.support.manual_clock import ManualClock


def test_the_last_success_decides_whether_a_process_is_ready() -> None:
    clock, health = ManualClock(), Health("x")
    last_success = LastSuccess(clock, 60, "poll")
    health.add("poll", last_success)
    assert health.report()[0] == 503
    last_success.succeeded()
    assert health.report()[0] == 200
    clock.seconds = 61
    status, body = health.report()
    assert status == 503
    assert json.loads(body)["problems"] == {"poll": "last poll 61 s ago"}
