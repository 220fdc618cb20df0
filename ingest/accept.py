"""The ingest step: keep the bytes, parse, publish, and only then acknowledge. Top to bottom.

Before: a channel or the door made a Delivery. After: the router reads messages.v1. What can
never be accepted goes to dead.v1 with its bytes' reference, and the source's cursor moves on.
"""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ingest.channel import Channel, Context, Delivery, Parsed, Web
from ingest.fetch import PATIENCE, Slow, fetched, whole
from ingest.scan import Scanner
from runtime import metrics, trace
from runtime.archive import Archive
from runtime.bus import Publisher
from runtime.clock import Clock
from runtime.log import get
from runtime.outside import Outside
from runtime.settings import Scan
from schemas import topics
from schemas.base import derived_id
from schemas.dead import DeadLetter, Origin
from schemas.errors import Rejected, Retry, Unavailable
from schemas.message import Message, Raw, fitted

log = get(__name__)

# Up to here a file is written in less time than a hop to a thread takes.
_INLINE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """What accepting needs; one a process."""

    archive: Archive
    publisher: Publisher
    clock: Clock
    context: Context
    scanner: Scanner = field(default_factory=lambda: Scanner(Scan()))
    web: Web = field(default_factory=Outside)

    async def accept(
        self, channel: Channel, delivery: Delivery, settings: Any, *, bury: bool, fetch: bool = True
    ) -> Message | None:
        """Take one delivery to Kafka and acknowledge it; return the message.

        What can't be accepted is buried (dead letter, acknowledged, returns None) or, without
        `bury`, raised as Rejected for the caller to answer. Raises Retry when it must come again;
        without `fetch` Slow, before anything is done, when files of it are still at its vendor.
        """
        began = self.clock.monotonic()
        raw = await self._keep(delivery.raw)
        context = _for_account(self.context, settings)
        try:
            parsed = await _parsed(channel, delivery, context)
            if (parsed.media or parsed.notice) and not fetch:
                raise Slow
            waited = self.clock.now() - delivery.received_at
            if parsed.notice:
                told = await whole(
                    channel, parsed.notice, delivery.raw, settings, self.web, waited=waited
                )
                if told is not None:
                    raw = await self._keep(told)
                    parsed = await _parsed(channel, replace(delivery, raw=told, hint=None), context)
            if parsed.media:
                late = waited > PATIENCE
                parsed = await fetched(channel, parsed, settings, self.web, last=late)
            message = await self._publish(channel.name, parsed, raw, delivery)
        except Rejected as error:
            # What a source lists is accounted for one by one: there it becomes a dead letter.
            if error.code == "delivery.ignored" and delivery.position is None:
                metrics.count("santral_deliveries_ignored_total", hook=channel.name, reason="none")
                await delivery.ack()
                if not bury:
                    raise
                return None
            metrics.count("santral_messages_rejected_total", channel=channel.name, code=error.code)
            if not bury:
                raise
            await self._bury(channel.name, delivery, raw, error)
            await delivery.ack()
            return None
        except Slow:
            raise
        except Retry:
            metrics.count("santral_messages_pending_total", channel=channel.name)
            await delivery.nack()
            raise
        await delivery.ack()
        metrics.count("santral_messages_accepted_total", channel=channel.name)
        metrics.observe(
            "santral_accept_duration_seconds", self.clock.monotonic() - began, channel=channel.name
        )
        return message

    async def _keep(self, data: bytes) -> Raw:
        try:
            if len(data) <= _INLINE:
                return self.archive.put(data)
            return await asyncio.to_thread(self.archive.put, data)
        except Unavailable as error:
            raise Retry(30, str(error)) from error

    async def _file(self, data: bytes) -> None:
        try:
            await asyncio.to_thread(self.archive.keep, data)
        except Unavailable as error:
            raise Retry(30, str(error)) from error

    async def _publish(self, channel: str, parsed: Parsed, raw: Raw, delivery: Delivery) -> Message:
        checked, files = await self.scanner.checked(parsed.message, parsed.files)
        for data in files:
            await self._file(data)
        by = delivery.accepted_by
        message = fitted(msgspec.structs.replace(checked, raw=raw, accepted_by=by))
        await self.publisher.publish(
            topics.MESSAGES.name, message.conversation, message, identifier=message.id,
            source=message.source, time=message.received_at,
            traceparent=trace.child(delivery.traceparent),
        )  # fmt: skip
        log.debug("message.accepted", id=message.id, channel=channel)
        return message

    async def _bury(self, channel: str, delivery: Delivery, raw: Raw, error: Rejected) -> None:
        source = f"{channel}:{delivery.account}"
        letter = DeadLetter(
            id=derived_id("dead", source, delivery.position or "", raw.sha256),
            stage="ingest", brand=self.context.brand, channel=channel, source=source,
            code=error.code, text=error.text, raw=raw,
            origin=Origin(position=delivery.position, hint=delivery.hint),
            at=self.clock.now(),
        )  # fmt: skip
        await self.publisher.publish(
            topics.DEAD.name, source, letter, identifier=letter.id, source=source,
            time=letter.at, traceparent=trace.child(delivery.traceparent),
        )  # fmt: skip
        log.warning("message.buried", id=letter.id, channel=channel, code=error.code)


async def _parsed(channel: Channel, delivery: Delivery, context: Context) -> Parsed:
    if delivery.refused is not None:
        raise delivery.refused
    if len(delivery.raw) <= _INLINE:
        return channel.parse(delivery, context)
    return await asyncio.to_thread(channel.parse, delivery, context)


def _for_account(context: Context, settings: Any) -> Context:
    """Return the context for one account."""
    return Context(brand=context.brand, settings=settings, signing_key=context.signing_key)
