"""Waiting in tests: for a condition with a deadline, never for a fixed time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
POLL_S = 0.03


async def until(what: str, look: Callable[[], T | Awaitable[T]], seconds: float = 20) -> T:
    """Return the first truthy value of `look`, which may be async; fail with `what` when late."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = look()
        result: T = await value if inspect.isawaitable(value) else value  # type: ignore[assignment]
        if result:
            return result
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(POLL_S)
