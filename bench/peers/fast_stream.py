"""FastStream on aiokafka: a batch subscriber, at least once."""

import asyncio

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from bench.peers.task import (
    BATCH,
    BOOTSTRAP,
    GROUP,
    LINGER_MS,
    MAX_BATCH_BYTES,
    SOURCE,
    TARGET,
    route,
)

broker = KafkaBroker(
    BOOTSTRAP,
    linger_ms=LINGER_MS,
    max_batch_size=MAX_BATCH_BYTES,
    apply_types=False,  # the task decodes and checks the messages itself
    logger=None,
)


async def decode(batch: KafkaMessage) -> list[bytes]:
    """Return the values as they are; FastStream would read each as JSON."""
    return [record.value for record in batch.raw_message]


@broker.subscriber(  # type: ignore[untyped-decorator]  # FastStream is not installed here
    SOURCE,
    batch=True,
    max_records=BATCH,
    batch_timeout_ms=100,
    group_id=GROUP,
    auto_offset_reset="earliest",
    ack_policy=AckPolicy.ACK,
    decoder=decode,
)
async def route_batch(values: list[bytes]) -> None:
    """Publish the items of a batch; FastStream commits it once all are acknowledged."""
    acknowledgements = [
        await broker.publish(value, TARGET, key=key, no_confirm=True)
        for key, value in route(values)
    ]
    await asyncio.gather(*acknowledgements)


if __name__ == "__main__":
    asyncio.run(FastStream(broker).run())
