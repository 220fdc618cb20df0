"""Proves one call of a vendor's webhook and splits it into deliveries.

http.py reads the call, and hands the deliveries to intake/accept.py. A thread handles large calls,
away from the event loop. A bug of ours that meets a proven call costs only that call, and the door
answers the vendor that it took the call.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from ingest.channel import Account
from ingest.parser_pool.pool import IN_PLACE_BYTES, bug
from ingest.webhook import NO_MEMORY, Memory, Webhook, WebhookContext, WebhookRequest, WebhookResult
from schemas.errors import Rejected, Retry, SantralError

Fetch = Callable[[str], Awaitable[bytes]]


class TakeFailed(SantralError):
    """A bug of ours stopped a call that is proven to be the vendor's."""


async def receive(
    webhook: Webhook[Account],
    request: WebhookRequest,
    settings: Account,
    now: datetime,
    fetch: Fetch,
    memory: Memory = NO_MEMORY,
) -> WebhookResult:
    """Return a call's deliveries; raise Rejected, Retry, or TakeFailed with a bug as its cause."""
    proven = False

    def prove() -> None:
        nonlocal proven
        proven = True

    try:
        if len(request.body) <= IN_PLACE_BYTES:
            context = WebhookContext(now=now, fetch=fetch, report_proven=prove, memory=memory)
            return await webhook.receive(request, settings, context)
        loop = asyncio.get_running_loop()
        context = WebhookContext(
            now=now,
            fetch=_from_thread(fetch, loop),
            report_proven=prove,
            memory=_BridgedMemory(memory, loop),
        )
        return await asyncio.to_thread(_run, webhook, request, settings, context)
    except Rejected as error:
        if proven or error.code.startswith("signature."):
            raise
        # The exact flaw of an unproven call would show strangers which accounts are set up.
        raise Rejected("signature.wrong", str(error)) from error
    except Retry:
        raise
    except Exception as error:
        if proven:
            raise TakeFailed from error
        # An unproven call is never kept, even if it makes our code fail.
        bug(webhook.channel, error, f"proof of {webhook.name}")
        raise Rejected("signature.wrong", "the proof can't be read") from error


def _run(
    webhook: Webhook[Account], request: WebhookRequest, settings: Account, context: WebhookContext
) -> WebhookResult:
    """Receive a call in a thread with an event loop of its own."""

    async def receive() -> WebhookResult:
        return await webhook.receive(request, settings, context)

    return asyncio.run(receive())


def _from_thread(fetch: Fetch, loop: asyncio.AbstractEventLoop) -> Fetch:
    """Return a fetch that another thread's loop may await and that runs on this loop."""

    async def bridged(url: str) -> bytes:
        async def fetched() -> bytes:
            return await fetch(url)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(fetched(), loop))

    return bridged


class _BridgedMemory:
    """A memory that another thread's loop may use and that runs on this loop."""

    def __init__(self, memory: Memory, loop: asyncio.AbstractEventLoop) -> None:
        self._memory, self._loop = memory, loop

    async def recall(self, key: str) -> str | None:
        """Return the word under a key."""
        future = asyncio.run_coroutine_threadsafe(self._memory.recall(key), self._loop)
        return await asyncio.wrap_future(future)

    async def remember(self, key: str, word: str) -> str:
        """Store a word unless its key has one; return the word that the key has now."""
        future = asyncio.run_coroutine_threadsafe(self._memory.remember(key, word), self._loop)
        return await asyncio.wrap_future(future)
