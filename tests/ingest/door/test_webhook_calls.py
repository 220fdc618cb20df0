"""A vendor's call: the cost of our bugs before and after its proof, and large calls in threads."""

import asyncio
import threading

import pytest

from ingest.channel import AccountSettings
from ingest.door.webhook_calls import TakeFailed, receive
from ingest.parser_pool.pool import IN_PLACE_BYTES
from ingest.webhook import WebhookContext, WebhookRequest, WebhookResult
from schemas.errors import Rejected
from tests.support.messages import NOW


class FailingHook:
    """A hook that fails where its call says."""

    name = "vendor"
    channel = "api"
    patient = True

    def __init__(self) -> None:
        self.thread = 0

    async def receive(
        self, call: WebhookRequest, settings: AccountSettings, tools: WebhookContext
    ) -> WebhookResult:
        """Return the body, and fetch it again when it is large."""
        self.thread = threading.get_ident()
        if call.body == b"before":
            raise KeyError("a word of a stranger")
        if call.body == b"odd":
            raise Rejected("json.malformed", "a word of a stranger")
        tools.report_proven()
        if call.body == b"odd and proven":
            raise Rejected("json.malformed", "a word of the vendor")
        if call.body == b"after":
            raise KeyError("a word of the vendor")
        return WebhookResult(deliveries=(await tools.fetch("https://vendor.example/x"),))

    def setup(self, settings: AccountSettings, url: str) -> str | None:
        """Return what to set up."""
        return None

    def secret(self, settings: AccountSettings, value: str) -> AccountSettings:
        """Return the settings."""
        return settings


def call(body: bytes) -> WebhookRequest:
    return WebhookRequest(method="POST", path="/", query={}, headers={}, body=body)


async def fetch(url: str) -> bytes:
    await asyncio.sleep(0)
    return f"{url} in {threading.get_ident()}".encode()


async def test_nothing_is_kept_of_a_call_that_breaks_us_before_it_is_proven() -> None:
    with pytest.raises(Rejected, match=r"signature\.wrong"):
        await receive(FailingHook(), call(b"before"), None, NOW, fetch)


async def test_only_a_proven_vendor_gets_the_fault_of_its_call() -> None:
    with pytest.raises(Rejected, match=r"signature\.wrong"):
        await receive(FailingHook(), call(b"odd"), None, NOW, fetch)
    with pytest.raises(Rejected, match=r"^json\.malformed"):
        await receive(FailingHook(), call(b"odd and proven"), None, NOW, fetch)


async def test_a_proven_call_that_breaks_us_is_ours_to_keep() -> None:
    with pytest.raises(TakeFailed) as caught:
        await receive(FailingHook(), call(b"after"), None, NOW, fetch)
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize(("size", "same"), [(10, True), (IN_PLACE_BYTES + 1, False)])
async def test_a_large_call_is_taken_apart_off_the_loop_which_fetches_for_it(
    size: int, same: bool
) -> None:
    hook, here = FailingHook(), threading.get_ident()
    taken = await receive(hook, call(b"x" * size), None, NOW, fetch)
    assert taken.deliveries == (f"https://vendor.example/x in {here}".encode(),)
    assert (hook.thread == here) is same
