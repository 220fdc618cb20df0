"""The drain publishes the deliveries of the spool, and fetches the files that they name.

It hands them to accept.py as soon as Kafka and their vendors allow that. A delivery that waits for
its vendor delays no other; Kafka's absence delays all.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ingest.channel import AccountSettings, Delivery
from ingest.intake.accept import Ingest
from ingest.intake.media import MediaPending
from ingest.intake.spool import delivery_of
from ingest.registry import CHANNELS
from runtime import metrics
from runtime.log import get
from schemas.errors import Retry

log = get(__name__)

_POLL_INTERVAL_S = 2.0  # another process may have stored a delivery, or Kafka may be back
_MAX_FETCHES = 8  # deliveries whose files the drain fetches at the same time
_FIRST_PAUSE_S = 1.0  # each failure doubles the pause
_MAX_FETCH_PAUSE_S = 120.0


class _Pause(NamedTuple):
    """The pause after a failed fetch, and the monotonic time at which it ends."""

    until_s: float
    length_s: float


class SpoolDrain:
    """The work on the spool of `ingest`, for the configured accounts of each channel."""

    def __init__(
        self, ingest: Ingest, accounts: Mapping[str, Mapping[str, AccountSettings]]
    ) -> None:
        self._ingest, self._accounts = ingest, accounts
        self._spool, self._disk = ingest.spool, ingest.spool.disk
        self._fetches: dict[Path, asyncio.Task[bool]] = {}
        self._pauses: dict[Path, _Pause] = {}

    async def run(self) -> None:
        """Publish the spool for ever, at each wake-up and at least every two seconds."""
        try:
            while True:
                try:
                    await self.publish()
                except Retry as error:
                    log.info("journal.later", why=str(error))
                count = await asyncio.to_thread(self._disk.count)
                metrics.gauge("santral_deliveries_waiting", count)
                await self._spool.wait(_POLL_INTERVAL_S)
        finally:
            for task in self._fetches.values():
                task.cancel()

    async def publish(self) -> int:
        """Publish what can go now, the oldest first; return the count. Raise Retry without Kafka.

        A delivery with files at its vendor goes to a task of its own.
        """
        count = self._count_fetched()
        for path in await asyncio.to_thread(self._disk.paths):
            if path in self._fetches or self._is_paused(path):
                continue
            entry = await asyncio.to_thread(self._disk.read, path)
            if entry is None:
                continue
            waiting, raw = entry
            settings = self._accounts.get(waiting.channel, {}).get(waiting.account)
            if settings is None:
                log.error("journal.no_account", channel=waiting.channel, account=waiting.account)
                continue  # it stays, and is counted, until the account is configured again
            delivery = delivery_of(waiting, raw)
            try:
                count += await self._publish(path, waiting.channel, delivery, settings, fetch=False)
            except MediaPending:
                if len(self._fetches) < _MAX_FETCHES:
                    self._fetches[path] = asyncio.create_task(
                        self._fetch(path, waiting.channel, delivery, settings)
                    )
        return count

    async def finish_fetches(self) -> int:
        """Wait for the tasks that fetch files; return how many deliveries they published."""
        await asyncio.gather(*self._fetches.values())
        return self._count_fetched()

    def _count_fetched(self) -> int:
        """Forget the finished tasks; return how many deliveries they published."""
        done = [path for path, task in self._fetches.items() if task.done()]
        return sum([self._fetches.pop(path).result() for path in done])

    def _is_paused(self, path: Path) -> bool:
        """Return whether a failed fetch of this delivery delays the next one."""
        pause = self._pauses.get(path)
        return pause is not None and pause.until_s > self._ingest.clock.monotonic()

    async def _fetch(
        self, path: Path, channel: str, delivery: Delivery, settings: AccountSettings
    ) -> bool:
        """Publish a delivery with its files, and return whether that succeeded.

        After a failure the drain tries again, each time after a longer pause.
        """
        try:
            published = await self._publish(path, channel, delivery, settings, fetch=True)
        except Retry as error:
            previous_s = self._pauses[path].length_s if path in self._pauses else _FIRST_PAUSE_S
            pause_s = min(_MAX_FETCH_PAUSE_S, max(2 * previous_s, error.after))
            self._pauses[path] = _Pause(self._ingest.clock.monotonic() + pause_s, pause_s)
            log.info("media.later", channel=channel, why=error.text, again_in_s=pause_s)
            return False
        self._pauses.pop(path, None)
        self._spool.wake()
        return published

    async def _publish(
        self,
        path: Path,
        channel: str,
        delivery: Delivery,
        settings: AccountSettings,
        *,
        fetch: bool,
    ) -> bool:
        """Publish a delivery and remove it from the spool; return whether that succeeded."""
        try:
            await self._ingest.publish_or_bury(CHANNELS[channel], delivery, settings, fetch=fetch)
        except (Retry, MediaPending):
            raise
        except Exception:
            # A bug that one delivery brings out must not hold all the others up for ever.
            log.exception("journal.bug", path=str(path))
            await asyncio.to_thread(self._disk.aside, path)
            return False
        await asyncio.to_thread(self._disk.done, path)
        return True
