"""`santral topics`, and stages on topics that may lose messages, on real brokers."""

from collections.abc import Mapping

import msgspec
import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings
from runtime.topics.creation import check_created, check_promises, check_topics, create_topics
from schemas import topics
from schemas.routing.departments import DEFAULT
from tests.support.commands import run_on_broker
from tests.support.waiting import wait

WANTED = topics.all_topics(tuple(DEFAULT))
MESSAGES = topics.MESSAGES.name


@pytest.fixture(scope="module")
def kafka(file_kafka: Settings) -> Settings:
    """The shared broker with every topic; a test puts back what it changes."""
    return file_kafka


def set_config(settings: Settings, topic: str, **values: str) -> None:
    """Set settings of a topic; the dots of their names are underscores here."""
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in values.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient(rdkafka_settings(settings.kafka))
    (answer,) = admin.incremental_alter_configs([resource]).values()
    answer.result(10)
    wait(
        "the broker shows the new settings",
        lambda: values.items() <= _shown(admin, topic, values).items(),
    )


def _shown(admin: AdminClient, topic: str, values: Mapping[str, str]) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    config = admin.describe_configs([resource])[resource].result(10)
    return {name: config[name.replace("_", ".")].value for name in values}


def test_topics_of_one_broker_are_as_they_should_be(kafka: Settings) -> None:
    assert check_topics(kafka.kafka, WANTED) == []
    assert check_promises(kafka.kafka, WANTED) == []


def test_a_topic_that_loses_messages_is_listed_and_no_stage_starts_on_it(
    kafka: Settings,
) -> None:
    set_config(kafka, MESSAGES, cleanup_policy="compact", retention_ms="3600000")
    try:
        listing = run_on_broker(kafka, "topics")
        assert listing.returncode == 1, listing.stderr
        (line,) = listing.stdout.splitlines()
        assert line.startswith("messages.v1: cleanup.policy is compact, should be delete.")
        assert "kafka-configs.sh --bootstrap-server" in line
        refused = run_on_broker(kafka, "router")
        assert refused.returncode == 2
        (line,) = refused.stderr.splitlines()
        assert line.startswith("error: messages.v1: cleanup.policy is compact")
        assert "accept_unsafe_topics" in line
        accepting = msgspec.structs.replace(kafka.kafka, accept_unsafe_topics=True)
        assert check_promises(accepting, WANTED) == []
    finally:
        set_config(
            kafka,
            MESSAGES,
            cleanup_policy="delete",
            retention_ms=str(topics.MESSAGES.retention_ms),
        )
    assert check_topics(kafka.kafka, WANTED) == []


def test_a_stage_without_its_topics_says_how_to_make_them(kafka: Settings) -> None:
    more = topics.all_topics((*DEFAULT, "havale"))
    (problem,) = check_promises(kafka.kafka, more)
    assert problem == "Kafka has no topic queue.havale.v1. Run `santral topics`."
    created, problems = create_topics(kafka.kafka, more)
    assert (created, problems) == (["queue.havale.v1"], [])
    assert check_created(kafka.kafka, more, created) == []
