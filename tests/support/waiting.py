"""Waiting in tests: for a condition with a deadline. Only this file may sleep."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")
POLL_S = 0.03


@overload
async def until(what: str, look: Callable[[], Awaitable[T]], seconds: float = 20) -> T: ...


@overload
async def until(what: str, look: Callable[[], T], seconds: float = 20) -> T: ...


async def until(
    what: str, look: Callable[[], T | Awaitable[T]], seconds: float = 20
) -> T | Awaitable[T]:
    """Return the first truthy value of `look`, which may be async; fail with `what` when late."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = look()
        result = await value if isinstance(value, Awaitable) else value
        if result:
            return result
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(POLL_S)  # between two looks at a condition that has a deadline


def wait(what: str, look: Callable[[], T], seconds: float = 30) -> T:
    """Return the first truthy value of `look`; fail with `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = look()
        if result:
            return result
        time.sleep(POLL_S)  # between two looks at a condition that has a deadline
    raise AssertionError(f"not within {seconds:g} s: {what}")


async def settled(look: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Return the first falsy value of `look`, or its value at the deadline."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        result = await look()
        if not result or asyncio.get_running_loop().time() > deadline:
            return result
        await asyncio.sleep(1)  # between two looks at a condition that has a deadline


async def stays(what: str, look: Callable[[], object], seconds: float) -> None:
    """Fail with `what` if `look` is falsy once within these seconds."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        assert look(), f"ended early: {what}"
        await asyncio.sleep(POLL_S)  # between two looks at a condition that has a deadline


async def pass_time(seconds: float) -> None:
    """Let an outage last, or an invented person pause. A test never waits for a result so."""
    await asyncio.sleep(seconds)  # the length itself is what the test is about
