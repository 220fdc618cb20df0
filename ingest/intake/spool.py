"""Pending: deliveries that are safe on disk and still have to reach Kafka.

Before: the door or a source has a delivery whose files must be fetched first, or one that its
vendor would not send again while Kafka is away. After: ingest/intake/accept.py, as soon as it can
be. A delivery that has to wait holds no other up; Kafka being away holds all of them.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.channel import Channel, Delivery
from ingest.intake.accept import Ingest
from ingest.intake.media import MediaPending
from ingest.registry import CHANNELS
from runtime import metrics
from runtime.log import get
from runtime.spool import Journal, Waiting
from schemas.delays import RECOVERY_S
from schemas.errors import Retry, Unavailable

log = get(__name__)

_LOOK_S = 2.0
_AT_ONCE = 8  # deliveries whose files are fetched side by side
_LONGEST_S = 120.0


class Pending:
    """The deliveries that wait, and the work on them."""

    def __init__(
        self, journal: Journal, ingest: Ingest, accounts: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self._journal, self._ingest, self._accounts = journal, ingest, accounts
        self._woken = asyncio.Event()
        self._fetching: dict[Path, asyncio.Task[bool]] = {}
        self._again: dict[Path, tuple[float, float]] = {}

    async def accept(
        self, channel: Channel, delivery: Delivery, settings: Any, *, patient: bool
    ) -> None:
        """Take a delivery to Kafka, or to the disk when that has to wait; then it is safe.

        A source that is `patient` sends it again: it is told Retry while Kafka is away.
        """
        try:
            await self._ingest.accept(channel, delivery, settings, bury=True, fetch=False)
        except MediaPending:
            await self._keep(channel.name, delivery)
        except Retry:
            if patient:
                raise
            await self._keep(channel.name, delivery)
            log.warning("delivery.waits", channel=channel.name, account=delivery.account)
        else:
            return
        await delivery.ack()

    async def run(self) -> None:
        """Publish what waits, again and again: Kafka or a vendor may be back."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self.publish()
                except Retry as error:
                    log.info("journal.later", why=str(error))
                count = await asyncio.to_thread(self._journal.count)
                metrics.gauge("santral_deliveries_waiting", count)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):  # wait_for may lose a cancellation
                        await self._woken.wait()
        finally:
            for task in self._fetching.values():
                task.cancel()

    async def publish(self) -> int:
        """Take up what waits, in its order; return how many went. Raise Retry without Kafka."""
        count = self._gone()
        for path in await asyncio.to_thread(self._journal.paths):
            if path in self._fetching or self._early(path):
                continue
            found = await asyncio.to_thread(self._journal.read, path)
            if found is None:
                continue
            waiting, raw = found
            account = self._accounts.get(waiting.channel, {}).get(waiting.account)
            if account is None:
                log.error("journal.no_account", channel=waiting.channel, account=waiting.account)
                continue  # it stays, and is counted, until the account is configured again
            delivery = Delivery(
                raw=raw,
                account=waiting.account,
                received_at=waiting.received_at,
                traceparent=waiting.traceparent,
                position=waiting.position,
                hint=waiting.hint,
            )
            try:
                count += await self._publish(path, waiting.channel, delivery, account, fetch=False)
            except MediaPending:
                if len(self._fetching) < _AT_ONCE:
                    self._fetching[path] = asyncio.create_task(
                        self._fetch(path, waiting.channel, delivery, account)
                    )
        return count

    async def settled(self) -> int:
        """Wait for the files that are being fetched; return how many deliveries went."""
        await asyncio.gather(*self._fetching.values())
        return self._gone()

    def _gone(self) -> int:
        done = [p for p, task in self._fetching.items() if task.done()]
        return sum([self._fetching.pop(p).result() for p in done])

    def _early(self, path: Path) -> bool:
        return self._again.get(path, (0.0, 0.0))[0] > self._ingest.clock.monotonic()

    async def _fetch(self, path: Path, channel: str, delivery: Delivery, account: Any) -> bool:
        """Publish a delivery with its files; what can't be had now is asked for later."""
        try:
            made = await self._publish(path, channel, delivery, account, fetch=True)
        except Retry as error:
            _, before = self._again.get(path, (0.0, 1.0))
            wait = min(_LONGEST_S, max(2 * before, error.after))
            self._again[path] = (self._ingest.clock.monotonic() + wait, wait)
            log.info("media.later", channel=channel, why=error.text, again_in_s=wait)
            return False
        self._again.pop(path, None)
        self._woken.set()
        return made

    async def _publish(
        self, path: Path, channel: str, delivery: Delivery, account: Any, *, fetch: bool
    ) -> bool:
        try:
            await self._ingest.accept(CHANNELS[channel], delivery, account, bury=True, fetch=fetch)
        except (Retry, MediaPending):
            raise
        except Exception:
            # A bug that one delivery brings out must not hold all the others up for ever.
            log.exception("journal.bug", path=str(path))
            await asyncio.to_thread(self._journal.aside, path)
            return False
        await asyncio.to_thread(self._journal.done, path)
        return True

    async def _keep(self, channel: str, delivery: Delivery) -> None:
        """Keep it on disk; raise Retry when that can't either."""
        waiting = Waiting(
            channel=channel,
            account=delivery.account,
            received_at=delivery.received_at,
            traceparent=delivery.traceparent,
            position=delivery.position,
            hint=delivery.hint,
        )
        try:
            await asyncio.to_thread(self._journal.put, waiting, delivery.raw)
        except Unavailable as error:
            raise Retry(RECOVERY_S, str(error)) from error
        self._woken.set()
