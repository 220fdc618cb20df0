"""The broker that tests share: a test meets no record, group or topic of an earlier one."""

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from runtime.bus.client_settings import rdkafka_settings
from runtime.settings.structs import Settings
from schemas import topics
from tests.support.servers.broker import SharedBroker, broker_process
from tests.support.waiting import wait

MESSAGES = topics.MESSAGES.name


def test_an_earlier_test_leaves_no_record_group_or_topic(shared_broker: SharedBroker) -> None:
    earlier = shared_broker.fresh()
    member = _leave_traces(earlier)
    member.close()
    process = broker_process(earlier)
    later = shared_broker.fresh()
    assert broker_process(later) == process, "the same broker serves both"
    assert later.home != earlier.home
    admin = AdminClient(rdkafka_settings(later.kafka))
    assert "own" not in admin.list_topics(timeout=10).topics
    assert admin.list_consumer_groups().result(10).valid == []
    partition = TopicPartition(MESSAGES, 0)
    (end,) = admin.list_offsets({partition: OffsetSpec.latest()}).values()
    assert end.result(10).offset == 0


def test_a_broker_with_members_of_an_earlier_test_is_replaced(shared_broker: SharedBroker) -> None:
    earlier = shared_broker.fresh()
    process = broker_process(earlier)
    member = _leave_traces(earlier)
    later = shared_broker.fresh()
    assert broker_process(later) != process
    member.close()


def _leave_traces(settings: Settings) -> Consumer:
    """Write a record, make a topic, and return a member of a group."""
    admin = AdminClient(rdkafka_settings(settings.kafka))
    admin.create_topics([NewTopic("own", 1, 1)])["own"].result(10)
    producer = Producer(rdkafka_settings(settings.kafka))
    producer.produce(MESSAGES, b"{}", partition=0)
    assert producer.flush(10) == 0
    config = {
        "group.id": "member",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,  # else the close waits for the session of a dead broker
        "log_level": 0,
    }
    member = Consumer(rdkafka_settings(settings.kafka, **config))
    member.subscribe([MESSAGES])
    wait("the member reads", lambda: member.poll(0.1))
    member.commit(asynchronous=False)
    return member
