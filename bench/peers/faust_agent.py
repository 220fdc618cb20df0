"""Faust (faust-streaming): an agent that takes batches and sends each item, at least once."""

import faust
from faust.types import StreamT

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

app = faust.App(
    GROUP,
    broker=f"kafka://{BOOTSTRAP}",
    broker_commit_every=BATCH,
    producer_linger=LINGER_MS / 1000,
    producer_max_batch_size=MAX_BATCH_BYTES,
    stream_buffer_maxsize=2 * BATCH,
    topic_disable_leader=True,
    web_enabled=False,
)
messages = app.topic(SOURCE, value_type=bytes, value_serializer="raw")
queue = app.topic(TARGET, value_type=bytes, key_serializer="raw", value_serializer="raw")


@app.agent(messages)
async def route_messages(stream: StreamT[bytes]) -> None:
    """Send the items of each batch."""
    async for values in stream.take(BATCH, within=0.1):
        for key, value in route(values):
            await queue.send(key=key, value=value)


if __name__ == "__main__":
    faust.Worker(app, loglevel="warning").execute_from_commandline()
