"""Watches the tries of other processes, and ends those that get no end in time.

deliveries.v1 has a `begun` of a process that may have crashed. Either that process finishes or
parks the reply within the lease, or the outcome is that nobody knows whether the reply left.
"""

from runtime.bus.partition_reader import RecordReader
from runtime.clock import Clock
from runtime.health.faults import is_outage
from runtime.settings.structs import KafkaSettings
from schemas import envelope
from schemas.outcome import Reply
from schemas.state.delivery import ReplyDelivery
from workers.sender.lost_replies import LostReplies
from workers.sender.partition import ended_replies
from workers.sender.task_set import TaskSet

LEASE_S = 300.0
"""A try of another process without an end by then counts as lost. It is longer than MAX_SEND_S of
action_call.py and MAX_PAUSE_S of tries.py together."""
_RETRY_DELAY_S = 1.0
"""The pause between tries while Kafka is away."""


class LostTries:
    """The open tries of other processes in the partitions of this one."""

    def __init__(
        self,
        kafka: KafkaSettings,
        clock: Clock,
        texts: RecordReader,
        tasks: TaskSet,
        lost: LostReplies,
    ) -> None:
        self._kafka, self._clock, self._texts = kafka, clock, texts
        self._tasks, self._lost = tasks, lost
        self._deliveries, self._writer = lost.deliveries, lost.writer
        self.lease_s = LEASE_S
        self._until: dict[tuple[int, str], tuple[ReplyDelivery, float]] = {}

    def watch(self, partition: int, delivery: ReplyDelivery) -> None:
        """Give a try its lease from now on, because the clocks of machines differ."""
        old = (self._clock.now() - delivery.at).total_seconds() > 2 * self.lease_s
        until = self._clock.monotonic() + (0.0 if old else self.lease_s)
        self._until[partition, delivery.reply] = delivery, until

    def forget(self, partition: int, reply: str | None = None) -> None:
        """Stop watching a reply, or all of a partition."""
        for key in list(self._until):
            if key[0] == partition and reply in (None, key[1]):
                del self._until[key]

    def end_overdue(self) -> None:
        """End the tries whose lease is over."""
        now = self._clock.monotonic()
        for (partition, reply), (delivery, until) in list(self._until.items()):
            if now >= until:
                del self._until[partition, reply]
                self._tasks.spawn(self._end_patiently(partition, delivery))

    async def _end_patiently(self, partition: int, delivery: ReplyDelivery) -> None:
        try:
            await self._end(partition, delivery)
        except Exception as error:
            if not is_outage(error):
                raise
            self._until[partition, delivery.reply] = (
                delivery,
                self._clock.monotonic() + _RETRY_DELAY_S,
            )

    async def _end(self, partition: int, delivery: ReplyDelivery) -> None:
        ended = await ended_replies(self._kafka, partition, delivery.at)
        table = self._deliveries.tables.get(partition)
        present = table.state(delivery.reply) if table else None
        if present is None or present.state != "begun" or present.attempt != delivery.attempt:
            return
        if delivery.reply not in ended:
            records = await self._texts.read(partition, [delivery.offset])
            record = records.get(delivery.offset)
            reason = "unconfirmed: a crash while sending"
            if record is None:
                await self._lost.end(partition, delivery, reason)
                return
            reply = envelope.decode(Reply, record.value)
            await self._writer.publish_outcome(reply, "undeliverable", reason)
        await self._writer.write(partition, self._writer.build_end(delivery))
