"""A guard counts a bug and lets an outage pass."""

import asyncio

import pytest
from redis.exceptions import ResponseError
from sqlalchemy.exc import OperationalError

from runtime import log as logs
from runtime.health.faults import guard, is_outage
from schemas.errors import Rejected, Retry, Unavailable
from tests.support.caught_bugs import count_caught_bugs

log = logs.get(__name__)


def test_an_outage_differs_from_a_bug() -> None:
    class ProgramLimitExceeded(Exception):
        sqlstate = "54000"

    for away in (
        Retry(1),
        Unavailable("x"),
        ConnectionResetError(),
        TimeoutError(),
        OperationalError("s", {}, Exception("locked")),
        ResponseError("MISCONF no disk"),
        ResponseError("OOM command not allowed"),
    ):
        assert is_outage(away), away
    for bug in (
        KeyError("x"),
        Rejected("json.invalid"),
        RecursionError(),
        ResponseError("WRONGTYPE"),
        OperationalError("s", {}, ProgramLimitExceeded()),
    ):
        assert not is_outage(bug), bug


def test_a_guard_counts_a_bug_and_raises_an_outage() -> None:
    before = count_caught_bugs("test")
    with guard(log, "test") as first:
        raise KeyError("x")
    with guard(log, "test") as second:
        pass
    assert (first.failed, second.failed, count_caught_bugs("test")) == (True, False, before + 1)
    with pytest.raises(Retry), guard(log, "test"):
        raise Retry(1)
    with pytest.raises(asyncio.CancelledError), guard(log, "test"):
        raise asyncio.CancelledError
    with pytest.raises(ZeroDivisionError), guard(log, "test", passes=(ZeroDivisionError,)):
        raise ZeroDivisionError
    with guard(log, "test", passes=()) as third:
        raise Retry(1)
    assert third.failed
