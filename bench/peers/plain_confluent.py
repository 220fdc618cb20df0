"""Plain confluent-kafka, exactly once: a transaction for each batch of messages."""

import signal

from confluent_kafka import Consumer, Producer

from bench.peers.task import BATCH, BOOTSTRAP, GROUP, LINGER_MS, SOURCE, TARGET, route


def main() -> None:
    """Route messages until the process is interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    consumer = Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": GROUP,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "transactional.id": GROUP,
            "linger.ms": LINGER_MS,
        }
    )
    producer.init_transactions()
    consumer.subscribe([SOURCE])
    try:
        while True:
            records = [r for r in consumer.consume(BATCH, 0.1) if r.error() is None]
            if not records:
                continue
            producer.begin_transaction()
            for key, value in route([record.value() for record in records]):
                producer.produce(TARGET, value, key)
            offsets = consumer.position(consumer.assignment())
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
            producer.commit_transaction()
    except KeyboardInterrupt:
        consumer.close()


if __name__ == "__main__":
    main()
