"""Ends the replies whose texts replies.v1 no longer has, so that a person learns of the loss.

The outcome `undeliverable` names the item that the last step in deliveries.v1 names.
"""

import asyncio

from runtime.bus.partition_reader import RecordReader
from runtime.health.faults import is_outage
from runtime.log import get
from schemas import envelope
from schemas.state.delivery import ReplyDelivery
from workers.sender.log import DeliveryLog
from workers.sender.writer import DeliveryWriter

log = get(__name__)

UNSENT = "gave up: Kafka no longer has the text of this answer. Please write it again."
_RETRY_DELAY_S = 1.0
"""The pause between tries while Kafka is away."""


class LostReplies:
    """Ends replies without their texts; `steps` reads deliveries.v1."""

    def __init__(
        self, deliveries: DeliveryLog, writer: DeliveryWriter, steps: RecordReader
    ) -> None:
        self.deliveries, self.writer, self._steps = deliveries, writer, steps

    async def end_patiently(self, partition: int, delivery: ReplyDelivery, reason: str) -> None:
        """End a reply; try again while Kafka is away."""
        while True:
            try:
                await self.end(partition, delivery, reason)
                return
            except Exception as error:
                if not is_outage(error):
                    raise
                await asyncio.sleep(_RETRY_DELAY_S)

    async def end(self, partition: int, delivery: ReplyDelivery, reason: str) -> None:
        """Publish the outcome of a reply and its last step, unless it has ended already."""
        table = self.deliveries.tables.get(partition)
        position = table.position(delivery.reply) if table else None
        if position is None:
            return
        record = (await self._steps.read(partition, [position])).get(position)
        step = delivery if record is None else envelope.decode(ReplyDelivery, record.value)
        log.error("reply.gone", id=delivery.reply, offset=delivery.offset)
        if step.conversation:  # steps of earlier versions name no conversation
            await self.writer.publish_lost(step, reason)
        await self.writer.write(partition, self.writer.build_end(delivery))
