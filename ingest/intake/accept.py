"""The ingest step keeps the bytes of a delivery, parses and publishes it, and only then returns.

A source or a door hands the delivery over, and the router reads messages.v1. A delivery that
nobody can ever accept goes to dead.v1 with the reference of its bytes, and its source continues. A
mail that no parser can read becomes a message that says so.
"""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from ingest.channel import Account, Channel, Context, Delivery, MediaClient, Parsed
from ingest.intake.media import PATIENCE, MediaPending, fetch_content, fetch_files
from ingest.intake.spool import Spool
from ingest.intake.stored_hint import stored_hint
from ingest.intake.virus_scan import Scanner
from ingest.parser_pool.frames import FAILURES, UNREADABLE
from ingest.parser_pool.pool import Parsers, ParsersInPlace, bug
from runtime import metrics, trace
from runtime.archive.group_commit import GroupCommit
from runtime.archive.protocol import Archive
from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from runtime.http.public_client import PublicClient
from runtime.log import get
from runtime.settings.structs import ScanSettings
from schemas import topics
from schemas.base import derived_id
from schemas.dead_letter import DeadLetter, Origin
from schemas.delays import RECOVERY_S
from schemas.errors import Rejected, Retry, Unavailable
from schemas.message import Message, Raw, truncate_to_limit

log = get(__name__)

_MAX_INLINE_BYTES = 64 * 1024  # a write of this size takes less time than a hop to a thread
_ARCHIVE_THREADS = 8  # long deliveries that are written to the archive at the same time

T = TypeVar("T")


def unchanged(message: Message) -> Message:
    """Return the message as it is."""
    return message


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """The ingest step of a process. `finish` changes each parsed message before publication.

    `brand` is that of accounts without one, and `signing_key` proves our own tokens in replies.

    A delivery enters by one of three methods, whose names say what they do where Kafka gets no
    message: `publish_or_spool` for a source, a vendor's webhook or a form, `publish_or_bury` for
    mail, an import or the spool, and `publish_or_refuse` for a caller that waits for the answer.
    All of them run `_publish_and_flush`, which runs `_parse_and_publish`, which runs
    `_publish_parsed`.
    """

    archive: Archive
    spool: Spool
    publisher: Publisher
    clock: Clock
    brand: str
    signing_key: bytes = field(default=b"", repr=False)
    scanner: Scanner = field(default_factory=lambda: Scanner(ScanSettings()))
    parsers: Parsers = field(default_factory=ParsersInPlace)
    finish: Callable[[Message], Message] = unchanged
    web: MediaClient = field(default_factory=PublicClient)

    async def publish_or_spool(
        self, channel: Channel[Account], settings: Account, delivery: Delivery, *, patient: bool
    ) -> None:
        """Publish or bury a delivery; put it into the spool where that has to wait.

        The spool keeps a delivery whose files its vendor still holds. While Kafka is away it also
        keeps the deliveries of a source that is not `patient`; a patient one gets Retry.
        """
        try:
            await self.publish_or_bury(channel, delivery, settings, fetch=False)
        except MediaPending:
            await self.spool.put(channel.name, delivery)
        except Retry:
            if patient:
                raise
            await self.spool.put(channel.name, delivery)
            log.warning("delivery.waits", channel=channel.name, account=delivery.account)

    async def publish_or_bury(
        self,
        channel: Channel[Account],
        delivery: Delivery,
        settings: Account,
        *,
        fetch: bool = True,
    ) -> Message | None:
        """Publish a delivery; return its message, or None after the dead letter of a refused one.

        Raises Retry when the delivery must come again, and MediaPending, before any work, when
        `fetch` is false and the vendor still holds its files.
        """
        raw = await self._keep(delivery.raw)
        try:
            return await self._publish_and_flush(channel, delivery, settings, raw, fetch=fetch)
        except Rejected as error:
            await self._bury(channel.name, delivery, raw, error)
            return None

    async def publish_or_refuse(
        self, channel: Channel[Account], delivery: Delivery, settings: Account
    ) -> Message | None:
        """Publish a delivery and return its message; raise Rejected for the caller to answer.

        A bug of ours is not the caller's fault: it makes a dead letter, and the method returns
        None. Raises Retry as `publish_or_bury` does.
        """
        raw = await self._keep(delivery.raw)
        try:
            return await self._publish_and_flush(channel, delivery, settings, raw, fetch=True)
        except Rejected as error:
            if error.code not in FAILURES:
                _count_refusal(channel.name, delivery, error)
                raise
            await self._bury(channel.name, delivery, raw, error)
            return None

    async def parse(
        self, channel: Channel[Account], delivery: Delivery, settings: Account
    ) -> Parsed:
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
        await self._bury(channel, delivery, raw, bug(channel, error, step))

    async def _publish_and_flush(
        self,
        channel: Channel[Account],
        delivery: Delivery,
        settings: Account,
        raw: Raw,
        *,
        fetch: bool,
    ) -> Message:
        """Parse and publish, wait until the disk has the bytes, and count and time all of it.

        Raises Rejected for a bug, too.
        """
        began = self.clock.monotonic()
        flush = self._commit.request()
        try:
            message = await self._parse_and_publish(channel, delivery, settings, raw, fetch=fetch)
        except Retry:
            metrics.count("santral_messages_pending_total", channel=channel.name)
            raise
        except (Rejected, MediaPending):
            raise
        except Exception as error:
            raise bug(channel.name, error) from error
        await _wait_for(flush)
        metrics.count("santral_messages_accepted_total", channel=channel.name)
        metrics.observe(
            "santral_accept_duration_seconds", self.clock.monotonic() - began, channel=channel.name
        )
        return message

    async def _parse_and_publish(
        self,
        channel: Channel[Account],
        delivery: Delivery,
        settings: Account,
        raw: Raw,
        *,
        fetch: bool,
    ) -> Message:
        """Parse a delivery, fetch what its vendor still holds, and publish the message.

        A bug in these steps makes a mail unreadable, and raises Rejected for anything else.
        """
        try:
            parsed = await self.parse(channel, delivery, settings)
            if (parsed.media or parsed.notice) and not fetch:
                raise MediaPending
            waited = self.clock.now() - delivery.received_at
            if parsed.notice:
                content = await fetch_content(
                    channel, parsed.notice, delivery.raw, settings, self.web, waited=waited
                )
                if content is not None:
                    raw = await self._keep(content)
                    await _wait_for(self._commit.request())
                    delivery = replace(delivery, raw=content, hint=None, by_reference=False)
                    parsed = await self.parse(channel, delivery, settings)
            if parsed.media:
                late = waited > PATIENCE
                parsed = await fetch_files(channel, parsed, settings, self.web, last=late)
            return await self._publish_parsed(channel.name, parsed, raw, delivery)
        except (Rejected, Retry, MediaPending):
            raise
        except (OSError, MemoryError) as error:
            raise Retry(RECOVERY_S, f"not now: {type(error).__name__}") from error
        except Exception as error:  # noqa: BLE001 - logged there
            failure = bug(channel.name, error)
            parsed = await self._parse_unreadable(channel, delivery, settings, failure)
            return await self._publish_parsed(channel.name, parsed, raw, delivery)

    async def _parse_unreadable(
        self, channel: Channel[Account], delivery: Delivery, settings: Account, error: Rejected
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

    async def _publish_parsed(
        self, channel: str, parsed: Parsed, raw: Raw, delivery: Delivery
    ) -> Message:
        """Publish the message of a parsed delivery, after its files are scanned and archived."""
        checked, files = await self.scanner.scan(self.finish(parsed.message), parsed.files)
        for data in files:
            await self._keep_file(data)
        token = delivery.accepted_by
        message = truncate_to_limit(msgspec.structs.replace(checked, raw=raw, accepted_by=token))
        await self.publisher.publish(
            topics.MESSAGES,
            message,
            source=message.source,
            traceparent=trace.child(delivery.traceparent),
        )
        log.debug("message.accepted", id=message.id, channel=channel)
        return message

    async def _bury(self, channel: str, delivery: Delivery, raw: Raw, error: Rejected) -> None:
        """Publish the dead letter of a refused delivery, unless nobody has to see it."""
        _count_refusal(channel, delivery, error)
        if _is_ignored(delivery, error):
            return
        if error.code in FAILURES:
            metrics.count("santral_parser_failures_total", channel=channel, code=error.code)
        flush = self._commit.request()
        source = f"{channel}:{delivery.account}"
        letter = DeadLetter(
            id=derived_id("dead", source, delivery.position or "", raw.sha256),
            stage="ingest",
            brand=self.brand,
            channel=channel,
            source=source,
            code=error.code,
            text=error.text.encode("utf-8", "replace").decode(),
            raw=raw,
            origin=Origin(position=delivery.position, hint=stored_hint(delivery)),
            at=self.clock.now(),
        )
        await self.publisher.publish(
            topics.DEAD, letter, source=source, traceparent=trace.child(delivery.traceparent)
        )
        log.warning("message.buried", id=letter.id, channel=channel, code=error.code)
        await _wait_for(flush)

    def _context_of(self, settings: Account) -> Context[Account]:
        """Return the context of one account."""
        return Context(brand=self.brand, settings=settings, signing_key=self.signing_key)

    @functools.cached_property
    def _commit(self) -> GroupCommit:
        """The flushes that deliveries of this process share."""
        return GroupCommit(self.archive.flush)

    @functools.cached_property
    def _threads(self) -> ThreadPoolExecutor:
        """The archive's own threads, because a bucket that hangs must not occupy the others."""
        return ThreadPoolExecutor(_ARCHIVE_THREADS, "archive")

    async def _run(self, write: Callable[[bytes], T], data: bytes) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, write, data)

    async def _keep(self, data: bytes) -> Raw:
        """Write a delivery to the archive; it is safe only after a flush."""
        try:
            if len(data) <= _MAX_INLINE_BYTES:
                return self.archive.append(data)
            return await self._run(self.archive.append, data)
        except Unavailable as error:
            raise Retry(RECOVERY_S, str(error)) from error

    async def _keep_file(self, data: bytes) -> None:
        """Write a file of a message to the archive."""
        try:
            await self._run(self.archive.keep, data)
        except Unavailable as error:
            raise Retry(RECOVERY_S, str(error)) from error


def _is_ignored(delivery: Delivery, error: Rejected) -> bool:
    """Return whether a refused delivery needs no dead letter.

    A delivery with a position needs one even if it is ignored, because the ledger accounts for each
    position that a source lists.
    """
    return error.code == "delivery.ignored" and delivery.position is None


def _count_refusal(channel: str, delivery: Delivery, error: Rejected) -> None:
    if _is_ignored(delivery, error):
        metrics.count("santral_deliveries_ignored_total", hook=channel, reason="none")
    else:
        metrics.count("santral_messages_rejected_total", channel=channel, code=error.code)


async def _wait_for(flush: asyncio.Future[None]) -> None:
    """Wait until the disk has the bytes of a delivery; raise Retry where the flush fails."""
    try:
        await flush
    except Unavailable as error:
        raise Retry(RECOVERY_S, str(error)) from error
