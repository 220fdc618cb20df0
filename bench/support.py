"""The messages and the percentile that the measurements share."""

from datetime import UTC, datetime

import msgspec
from confluent_kafka import Producer

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings
from schemas import topics
from schemas.base import conversation_id, message_id
from schemas.message import Handle, Message, Party

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEXTS = (
    "Merhaba, 123456 numaralı siparişim dört gündür gelmedi, kargom nerede, ne zaman gelecek?",
    "Bu ay faturam çok yüksek geldi, 89,90 TL fazla ücret yansıtmışsınız, düzeltilmesini istiyorum.",
    "Sabahtan beri internet yok, modemin ışığı yanmıyor, mahallede kesinti mi var acaba?",
    "selam, geçen gün konuşmuştuk, sonuç ne oldu acaba, bekliyorum",
    "I was charged twice this month for the same order, please check and refund the second one.",
)


def message(number: int, conversations: int) -> Message:
    """An invented message of about 700 bytes as JSON."""
    text = TEXTS[number % len(TEXTS)]
    conversation = conversation_id("default", "api", str(number % conversations))
    return Message(
        id=message_id("api", "api:bench", str(number)),
        brand="default",
        channel="api",
        source="api:bench",
        native_id=str(number),
        conversation=conversation,
        kind="form",
        sender=Party(handles=(Handle(kind="customer_no", value=str(number % conversations)),)),
        text=text,
        full_text=text,
        received_at=NOW,
    )


def fill(settings: Settings, count: int, conversations: int, first: int = 0) -> None:
    """Put messages on messages.v1."""
    producer = Producer(
        rdkafka_settings(
            settings.kafka,
            **{
                "partitioner": "murmur2_random",
                "linger.ms": 20,
                "queue.buffering.max.messages": 1_000_000,
            },
        )
    )
    encoder = msgspec.json.Encoder()
    for number in range(first, first + count):
        record = message(number, conversations)
        producer.produce(topics.MESSAGES.name, encoder.encode(record), record.conversation.encode())
        if number % 2000 == 0:
            producer.poll(0)
    producer.flush(60)


def percentile(values: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000, 2)
