"""The ingest step: keep the bytes, parse, publish, and only then acknowledge. Top to bottom.

Before: a channel or the door made a Delivery. After: the router reads messages.v1. A delivery
that can never be accepted goes to dead.v1 with the reference of its bytes, and the source's cursor
moves on. A mail that no parser can read becomes a message that says so.
"""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from ingest.channel import Channel, Context, Delivery, Parsed, Web
from ingest.intake.media import PATIENCE, MediaPending, fetch_files, fetch_whole
from ingest.intake.virus_scan import Scanner
from ingest.parser_pool.frames import FAILURES, UNREADABLE
from ingest.parser_pool.pool import Parsers, ParsersInPlace, bug
from runtime import metrics, trace
from runtime.archive.archive import Archive
from runtime.archive.group_commit import GroupCommit
from runtime.bus.bus import Publisher
from runtime.clock import Clock
from runtime.http.public_client import Outside
from runtime.log import get
from runtime.settings.structs import Scan
from schemas import topics
from schemas.base import derived_id
from schemas.dead_letter import DeadLetter, Origin
from schemas.delays import RECOVERY_S
from schemas.errors import Rejected, Retry, Unavailable
from schemas.message import Message, Raw, fitted

log = get(__name__)

# Up to here a file is written in less time than a hop to a thread takes.
_INLINE = 64 * 1024
_ARCHIVE_THREADS = 8  # long deliveries that are written to the archive at the same time

T = TypeVar("T")


def unchanged(message: Message) -> Message:
    """Return the message as it is."""
    return message


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """The ingest step of a process. `finish` changes each parsed message before publication."""

    archive: Archive
    publisher: Publisher
    clock: Clock
    context: Context
    scanner: Scanner = field(default_factory=lambda: Scanner(Scan()))
    parsers: Parsers = field(default_factory=ParsersInPlace)
    finish: Callable[[Message], Message] = unchanged
    web: Web = field(default_factory=Outside)

    async def accept(
        self, channel: Channel, delivery: Delivery, settings: Any, *, bury: bool, fetch: bool = True
    ) -> Message | None:
        """Take one delivery to Kafka and acknowledge it; return the message.

        With `bury`, a refused delivery becomes a dead letter, is acknowledged, and None returns.
        Without it, Rejected is raised for the caller to answer. A bug of ours is not the caller's
        fault and makes a dead letter either way. Raises Retry when the delivery must come again,
        and MediaPending, before any work, when its files are at the vendor and `fetch` is false.
        """
        began = self.clock.monotonic()
        raw = await self._keep(delivery.raw)
        flushed = self._commit.request()
        try:
            message = await self._take(channel, delivery, settings, raw, fetch=fetch)
        except MediaPending:
            raise
        except Retry:
            metrics.count("santral_messages_pending_total", channel=channel.name)
            await delivery.nack()
            raise
        except Rejected as error:
            await self._refuse(channel.name, delivery, raw, error, bury=bury)
            return None
        except Exception as error:  # noqa: BLE001 - logged there, and costs this delivery alone
            await self._refuse(channel.name, delivery, raw, bug(channel.name, error), bury=bury)
            return None
        await self._acknowledge(delivery, flushed)
        metrics.count("santral_messages_accepted_total", channel=channel.name)
        metrics.observe(
            "santral_accept_duration_seconds", self.clock.monotonic() - began, channel=channel.name
        )
        return message

    async def parse(self, channel: Channel, delivery: Delivery, settings: Any) -> Parsed:
        """Return the parsed delivery; for an unreadable mail, a message made of its headers.

        Raises Rejected, and Retry when no parser is free.
        """
        if delivery.refused is not None:
            raise delivery.refused
        try:
            return await self.parsers.parse(channel, delivery, self._context_of(settings))
        except Rejected as error:
            return await self._parse_unreadable(channel, delivery, settings, error)

    async def bury_bug(
        self, channel: str, delivery: Delivery, error: BaseException, step: str
    ) -> None:
        """Keep a delivery as a dead letter: a bug stopped it before it reached this step."""
        raw = await self._keep(delivery.raw)
        await self._refuse(channel, delivery, raw, bug(channel, error, step), bury=True)

    async def _take(
        self, channel: Channel, delivery: Delivery, settings: Any, raw: Raw, *, fetch: bool
    ) -> Message:
        """Return the message, once Kafka has it."""
        try:
            parsed = await self.parse(channel, delivery, settings)
            if (parsed.media or parsed.notice) and not fetch:
                raise MediaPending
            waited = self.clock.now() - delivery.received_at
            if parsed.notice:
                whole = await fetch_whole(
                    channel, parsed.notice, delivery.raw, settings, self.web, waited=waited
                )
                if whole is not None:
                    raw = await self._keep(whole)
                    await self._safe(self._commit.request())
                    delivery = replace(delivery, raw=whole, hint=None)
                    parsed = await self.parse(channel, delivery, settings)
            if parsed.media:
                late = waited > PATIENCE
                parsed = await fetch_files(channel, parsed, settings, self.web, last=late)
            return await self._publish(channel.name, parsed, raw, delivery)
        except (Rejected, Retry, MediaPending):
            raise
        except (OSError, MemoryError) as error:
            raise Retry(RECOVERY_S, f"not now: {type(error).__name__}") from error
        except Exception as error:  # noqa: BLE001 - logged there
            failure = bug(channel.name, error)
            parsed = await self._parse_unreadable(channel, delivery, settings, failure)
            return await self._publish(channel.name, parsed, raw, delivery)

    async def _parse_unreadable(
        self, channel: Channel, delivery: Delivery, settings: Any, error: Rejected
    ) -> Parsed:
        """Return the message that replaces an unreadable mail; raise the refusal of anything else.

        The door has accepted the mail, and so a person must see it even if our parsers fail.
        """
        if channel.name != "email" or error.code not in UNREADABLE:
            raise error
        metrics.count("santral_parser_failures_total", channel=channel.name, code=error.code)
        log.warning("message.unreadable", account=delivery.account, code=error.code)
        try:
            return await self.parsers.parse_unreadable(
                channel, delivery, self._context_of(settings)
            )
        except Rejected:
            raise error from None

    async def _refuse(
        self, channel: str, delivery: Delivery, raw: Raw, error: Rejected, *, bury: bool
    ) -> None:
        """Keep a refused delivery as a dead letter, or raise the refusal to the caller."""
        # The ledger accounts for each position that a source lists: here each is a dead letter.
        if error.code == "delivery.ignored" and delivery.position is None:
            metrics.count("santral_deliveries_ignored_total", hook=channel, reason="none")
            await delivery.ack()
            if not bury:
                raise error
            return
        metrics.count("santral_messages_rejected_total", channel=channel, code=error.code)
        if error.code in FAILURES:
            metrics.count("santral_parser_failures_total", channel=channel, code=error.code)
        elif not bury:
            raise error
        flushed = self._commit.request()
        try:
            await self._bury(channel, delivery, raw, error)
        except Retry:
            await delivery.nack()
            raise
        await self._acknowledge(delivery, flushed)

    def _context_of(self, settings: Any) -> Context:
        """Return the context for one account."""
        return replace(self.context, settings=settings)

    async def _acknowledge(self, delivery: Delivery, flushed: asyncio.Future[None]) -> None:
        """Acknowledge a delivery that Kafka has once the disk has its bytes, too."""
        try:
            await self._safe(flushed)
        except Retry:
            await delivery.nack()
            raise
        await delivery.ack()

    async def _safe(self, flushed: asyncio.Future[None]) -> None:
        """Wait for a flush; raise Retry where it failed."""
        try:
            await flushed
        except Unavailable as error:
            raise Retry(RECOVERY_S, str(error)) from error

    @functools.cached_property
    def _commit(self) -> GroupCommit:
        """The flushes that deliveries of this process share."""
        return GroupCommit(self.archive.flush)

    @functools.cached_property
    def _threads(self) -> ThreadPoolExecutor:
        """Threads for the archive alone: a bucket that hangs must not stop the loop's others."""
        return ThreadPoolExecutor(_ARCHIVE_THREADS, "archive")

    async def _run(self, write: Callable[[bytes], T], data: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, write, data)

    async def _keep(self, data: bytes) -> Raw:
        """Write a delivery; it is safe only after a flush."""
        try:
            if len(data) <= _INLINE:
                return self.archive.append(data)
            return await self._run(self.archive.append, data)
        except Unavailable as error:
            raise Retry(RECOVERY_S, str(error)) from error

    async def _file(self, data: bytes) -> None:
        try:
            await self._run(self.archive.keep, data)
        except Unavailable as error:
            raise Retry(RECOVERY_S, str(error)) from error

    async def _publish(self, channel: str, parsed: Parsed, raw: Raw, delivery: Delivery) -> Message:
        finished = self.finish(parsed.message)
        checked, files = await self.scanner.checked(finished, parsed.files)
        for data in files:
            await self._file(data)
        token = delivery.accepted_by
        message = fitted(msgspec.structs.replace(checked, raw=raw, accepted_by=token))
        await self.publisher.publish(
            topics.MESSAGES,
            message,
            source=message.source,
            traceparent=trace.child(delivery.traceparent),
        )
        log.debug("message.accepted", id=message.id, channel=channel)
        return message

    async def _bury(self, channel: str, delivery: Delivery, raw: Raw, error: Rejected) -> None:
        source = f"{channel}:{delivery.account}"
        letter = DeadLetter(
            id=derived_id("dead", source, delivery.position or "", raw.sha256),
            stage="ingest",
            brand=self.context.brand,
            channel=channel,
            source=source,
            code=error.code,
            text=error.text.encode("utf-8", "replace").decode(),
            raw=raw,
            origin=Origin(position=delivery.position, hint=delivery.hint),
            at=self.clock.now(),
        )
        await self.publisher.publish(
            topics.DEAD, letter, source=source, traceparent=trace.child(delivery.traceparent)
        )
        log.warning("message.buried", id=letter.id, channel=channel, code=error.code)
