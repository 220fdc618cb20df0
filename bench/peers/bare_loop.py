"""confluent-kafka without a decision: decode and encode each message, at least once."""

import signal

import msgspec
from confluent_kafka import Consumer, Producer

from bench.peers.task import BATCH, BOOTSTRAP, GROUP, SOURCE, TARGET
from schemas.message import Message


def main() -> None:
    """Copy messages until the process is interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    consumer = Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": GROUP,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "enable.idempotence": True,
            "linger.ms": 2,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    consumer.subscribe([SOURCE])
    decoder, encoder = msgspec.json.Decoder(Message), msgspec.json.Encoder()
    try:
        while True:
            records = [r for r in consumer.consume(BATCH, 0.05) if r.error() is None]
            for record in records:
                message = decoder.decode(record.value())
                producer.produce(TARGET, encoder.encode(message), record.key())
            producer.flush()
            if records:
                consumer.commit(asynchronous=False)
    except KeyboardInterrupt:
        consumer.close()


if __name__ == "__main__":
    main()
