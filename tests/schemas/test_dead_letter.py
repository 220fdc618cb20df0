"""The origin of a dead letter, in new records and in those of earlier versions."""

import msgspec
import pytest

from schemas.dead_letter import Origin


@pytest.mark.parametrize(
    "record",
    [
        b'{"topic":"outcomes.v1","partition":3,"offset":7,"key":"c1"}',
        b'{"topic":"outcomes.v1","partition":3,"offset":7,"position":"c1"}',
    ],
    ids=["key", "position"],
)
def test_a_kafka_record_goes_back_under_its_key(record: bytes) -> None:
    assert msgspec.json.decode(record, type=Origin).record_key == "c1"


def test_a_delivery_has_the_position_of_its_source_and_no_key() -> None:
    origin = msgspec.json.decode(b'{"position":"INBOX;1;7","hint":"INBOX"}', type=Origin)
    assert (origin.position, origin.key) == ("INBOX;1;7", None)
