"""aiokafka's consumer, which leaves nothing behind when Kafka goes away.

Before: runtime/bus.py makes it. After: every asyncio stage reads with it.
"""

import asyncio

from aiokafka import AIOKafkaConsumer


class KafkaReader(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka's classes are untyped here
    """A consumer whose `start` closes what it opened in vain, and whose `stop` ends in peace."""

    async def start(self) -> None:
        """Connect; raise KafkaError, with every connection closed, when Kafka is away."""
        try:
            await super().start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Disconnect.

        While Kafka is away, aiokafka lets out the cancellation of its own tasks, which would pass
        for one of the caller and end the caller's loop.
        """
        task = asyncio.current_task()
        try:
            await super().stop()
        except asyncio.CancelledError:
            if task is None or task.cancelling():
                raise
