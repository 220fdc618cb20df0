"""Writes the steps and the outcome of a reply, and repeats the writing while Kafka is away."""

import asyncio
from datetime import datetime

import msgspec

from runtime import metrics
from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from runtime.settings.structs import Settings
from schemas import topics
from schemas.base import derived_id
from schemas.errors import Retry
from schemas.outcome import Outcome, OutcomeKind, Reply
from schemas.state.delivery import DeliveryState, ReplyDelivery
from workers.replies.returned_items import with_returned
from workers.sender.action_call import SendResult, recipient_hash
from workers.sender.lanes import LoadedReply, account_of
from workers.sender.log import DeliveryLog

_RETRY_DELAY_S = 0.5
"""The pause between tries while Kafka is away."""
_MAX_REASON_CHARS = 300
"""A reason in a step is cut to this length, because the log has many steps."""


class DeliveryWriter:
    """Writes for one process; while it is `stopping`, new tries no longer wait for Kafka."""

    def __init__(
        self, settings: Settings, publisher: Publisher, clock: Clock, log: DeliveryLog
    ) -> None:
        self._publisher, self._clock, self._log = publisher, clock, log
        self._key = settings.tokens.signing.encode()
        self.stopping = False

    def build_step(
        self,
        loaded: LoadedReply,
        state: DeliveryState,
        *,
        due: datetime | None = None,
        reason: str = "",
        result: str = "",
    ) -> ReplyDelivery:
        """Return the record of a step of a reply."""
        return ReplyDelivery(
            reply=loaded.reply.id,
            state=state,
            attempt=loaded.attempt,
            process=self._log.process,
            at=self._clock.now(),
            due=due,
            first_at=loaded.first_at,
            offset=loaded.offset,
            channel=loaded.reply.channel,
            account=account_of(loaded.reply),
            recipient=self.recipient(loaded.reply),
            reason=reason[:_MAX_REASON_CHARS],
            result=result,
            **_origin(loaded.reply) if state != "finished" else {},
        )

    def recipient(self, reply: Reply) -> str:
        """Return the hash by which the loop guard counts a reply's recipient."""
        return recipient_hash(self._key, reply)

    def build_end(self, delivery: ReplyDelivery) -> ReplyDelivery:
        """Return the last step of a reply whose outcome is in outcomes.v1."""
        return ReplyDelivery(
            reply=delivery.reply,
            state="finished",
            attempt=delivery.attempt,
            process=self._log.process,
            at=self._clock.now(),
            first_at=delivery.first_at,
            offset=delivery.offset,
            channel=delivery.channel,
            account=delivery.account,
        )

    async def write(self, partition: int, record: ReplyDelivery, *, patient: bool = False) -> int:
        """Write a step and return its offset; repeat it while Kafka is away.

        A stop interrupts the wait unless the caller is `patient`.
        """
        while True:
            try:
                return await self._log.write(partition, record)
            except Retry:
                if self.stopping and not patient:
                    raise asyncio.CancelledError from None
                await asyncio.sleep(_RETRY_DELAY_S)

    async def finish(self, loaded: LoadedReply, result: SendResult) -> None:
        """Publish a reply's outcome, then its last step."""
        while True:
            try:
                await self.publish_outcome(loaded.reply, result.kind, result.reason)
                break
            except Retry:
                await asyncio.sleep(_RETRY_DELAY_S)
        step = self.build_step(loaded, "finished", result=result.kind)
        await self.write(loaded.partition, step, patient=True)

    async def publish_outcome(self, reply: Reply, kind: OutcomeKind, reason: str) -> None:
        """Publish a reply's outcome once; raise Retry if Kafka is away."""
        outcome = self._outcome(reply, reply.id, kind, reason)
        if reply.kind == "answer":
            outcome = msgspec.structs.replace(outcome, by=reply.by)
        else:
            author = reply.by or "acknowledgement"
            outcome = msgspec.structs.replace(outcome, by=author, text=reply.text)
        if kind == "undeliverable" and reply.work is not None:
            outcome = with_returned(outcome, reply.work)
        await self._publish(outcome, reply.channel)

    async def publish_lost(self, delivery: ReplyDelivery, reason: str) -> None:
        """Publish the outcome of a reply that replies.v1 no longer has.

        `delivery` is a step of the reply that names its conversation. Raises Retry while Kafka is
        away.
        """
        outcome = self._outcome(delivery, delivery.reply, "undeliverable", reason)
        await self._publish(outcome, delivery.channel)

    def _outcome(
        self,
        source: Reply | ReplyDelivery,
        reply: str,
        kind: OutcomeKind,
        reason: str,
    ) -> Outcome:
        """Return the outcome of a reply, whose item `source` names."""
        return Outcome(
            id=derived_id("outcome", reply, kind),
            kind=kind,
            brand=source.brand,
            conversation=source.conversation,
            item=source.item,
            department=source.department,
            messages=(source.message,),
            at=self._clock.now(),
            reason=reason,
            reply=reply,
        )

    async def _publish(self, outcome: Outcome, channel: str) -> None:
        await self._publisher.publish(topics.OUTCOMES, outcome, source="santral/replies")
        metrics.count("santral_replies_sent_total", channel=channel, result=outcome.kind)


def _origin(reply: Reply) -> dict[str, str]:
    """Return the fields of a step that say where a reply belongs."""
    return {
        "brand": reply.brand,
        "conversation": reply.conversation,
        "message": reply.message,
        "item": reply.item,
        "department": reply.department,
    }
