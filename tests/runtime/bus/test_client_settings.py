"""Every client of Kafka reads the brokers and partitions again at the same age."""

from runtime.bus.client_settings import aiokafka_settings, rdkafka_settings
from runtime.bus.readers import create_reader
from runtime.settings.structs import KafkaSettings

KAFKA = KafkaSettings(bootstrap="127.0.0.1:9")
AGE_MS = rdkafka_settings(KAFKA)["topic.metadata.refresh.interval.ms"]


def test_both_libraries_refresh_their_metadata_at_the_same_age() -> None:
    assert aiokafka_settings(KAFKA)["metadata_max_age_ms"] == AGE_MS


async def test_a_reader_refreshes_its_metadata_like_the_other_clients() -> None:
    reader = create_reader(KAFKA, group=None, client_id="test")
    assert reader._client._metadata_max_age_ms == AGE_MS
    await reader.stop()
