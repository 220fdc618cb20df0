"""Quix Streams, exactly once: its dataframe decides each message alone."""

from quixstreams import Application

from bench.peers.task import BATCH, BOOTSTRAP, GROUP, LINGER_MS, SOURCE, TARGET, route


def decide(value: bytes) -> bytes:
    """Return the work item of a message; its key stays that of the message."""
    ((_, item),) = route([value])
    return item


def main() -> None:
    """Route messages until SIGTERM, which the application handles."""
    application = Application(
        broker_address=BOOTSTRAP,
        consumer_group=GROUP,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_every=BATCH,
        producer_extra_config={"linger.ms": LINGER_MS},
        loglevel="WARNING",
    )
    messages = application.topic(SOURCE, value_deserializer="bytes")
    queue = application.topic(TARGET, value_serializer="bytes")
    application.dataframe(messages).apply(decide).to_topic(queue)
    application.run()


if __name__ == "__main__":
    main()
