"""The spool of ingest keeps deliveries on the disk that still have to reach Kafka.

accept.py puts in a delivery whose files ingest must fetch first, and while Kafka is away one that
its vendor does not send again. drain.py publishes them.
"""

import asyncio
import contextlib

from ingest.channel import Delivery
from ingest.intake.stored_hint import read_hint, stored_hint
from runtime.spool import DiskSpool, WaitingDelivery
from schemas.delays import RECOVERY_S
from schemas.errors import Retry, Unavailable


class Spool:
    """The waiting deliveries of this process and of earlier ones."""

    def __init__(self, disk: DiskSpool) -> None:
        self.disk = disk
        self._wake = asyncio.Event()

    async def put(self, channel: str, delivery: Delivery) -> None:
        """Store a delivery; returns once the disk has it. Raises Retry when the disk fails."""
        waiting = WaitingDelivery(
            channel=channel,
            account=delivery.account,
            received_at=delivery.received_at,
            traceparent=delivery.traceparent,
            position=delivery.position,
            hint=stored_hint(delivery),
        )
        try:
            await asyncio.to_thread(self.disk.put, waiting, delivery.raw)
        except Unavailable as error:
            raise Retry(RECOVERY_S, str(error)) from error
        self.wake()

    def wake(self) -> None:
        """End the wait of the drain."""
        self._wake.set()

    async def wait(self, timeout_s: float) -> None:
        """Wait until the next `wake`, at most for `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):  # wait_for may lose a cancellation
                await self._wake.wait()
        self._wake.clear()


def delivery_of(waiting: WaitingDelivery, raw: bytes) -> Delivery:
    """Return the delivery that `put` stored."""
    hint, by_reference = read_hint(waiting.hint, waiting.position)
    return Delivery(
        raw=raw,
        account=waiting.account,
        received_at=waiting.received_at,
        traceparent=waiting.traceparent,
        position=waiting.position,
        hint=hint,
        by_reference=by_reference,
    )
