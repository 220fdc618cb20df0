"""A store with the records of an incident and a message of it, as the recorder writes them."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import Engine

from router.decision.decide import decide_message
from schemas.base import Record
from tests.support.messages import NOW, message, policy
from tests.support.router.incidents import incident, verdict
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import Fenced, write_rows


def encode_rows(topic: str, *records: Record, offset: int = 0) -> Rows:
    """Return the rows of records of a topic, from an offset on."""
    rows = Rows()
    for number, record in enumerate(records, offset):
        add_record(rows, topic, 0, number, msgspec.json.encode(record))
    return rows


@pytest.fixture
def incident_store(engine: Engine) -> Engine:
    """A store with an incident of three records, and a message decided while it was open.

    The incident opened at NOW and was confirmed an hour later.
    """
    opened = incident()
    sent = message("Kadıköy'de internet yok", received_at=NOW + timedelta(minutes=5))
    with_incident = replace(policy(), incidents=(opened,), incident_points=(10, 20))
    result = decide_message(sent, None, with_incident, NOW + timedelta(minutes=5))
    confirmed = verdict(opened, "confirmed", NOW.timestamp() + 3600)
    grown = incident(
        status="grown", at=NOW + timedelta(minutes=6), customers=8, messages=(sent.id,)
    )
    rows = encode_rows("incidents.v1", opened, grown, confirmed)
    add_record(rows, "messages.v1", 0, 0, msgspec.json.encode(sent))
    add_record(rows, "decisions.v1", 0, 0, msgspec.json.encode(result.decision))
    with engine.begin() as connection:
        write_rows(connection, rows)
    with engine.begin() as connection, pytest.raises(Fenced):
        write_rows(connection, rows)
    return engine
