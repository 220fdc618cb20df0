"""Messages for a router of the tests."""

from confluent_kafka import Producer

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.message import Message
from tests.support.messages import message

CONVERSATIONS = 7


def put_messages(settings: Settings, count: int) -> list[Message]:
    """Put messages of seven conversations on messages.v1, and return them."""
    producer = Producer(rdkafka_settings(settings.kafka, partitioner="murmur2_random"))
    messages = [
        message("Faturam yanlış", native=str(number), root=str(number % CONVERSATIONS))
        for number in range(count)
    ]
    for record in messages:
        producer.produce(
            topics.MESSAGES.name, envelope.encode(record), record.conversation.encode()
        )
    producer.flush(30)
    return messages
