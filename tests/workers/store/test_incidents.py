"""The store has the incidents with their messages and their course, and records verdicts."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from router.backtest.replay import RecordedFacts, replay
from runtime.bus.publisher import Publisher
from runtime.clock import SystemClock
from runtime.settings.structs import KafkaSettings
from schemas.errors import Rejected
from schemas.http_api.bodies import JudgeIn
from schemas.incident import Incident, apply_record
from tests.support.messages import NOW, policy
from tests.support.router.incident_store import encode_rows, incident_store
from tests.support.router.incidents import incident, verdict
from workers.recorder.sql import write_rows
from workers.store import incidents as store
from workers.store.recorded_traffic import RecordedTraffic

__all__ = ["incident_store"]

NOW_MS = int(NOW.timestamp() * 1000)


def test_the_newest_records_give_the_state(incident_store: Engine) -> None:
    with incident_store.connect() as connection:
        (stored,) = store.incidents(connection, NOW_MS)
        assert (stored.status, stored.customers, stored.agent) == ("confirmed", 8, "ada")
        newest = store.incidents(connection, NOW_MS, max_records=1)
        assert [i.status for i in newest] == ["confirmed"], "of too many the newest count"


def test_an_incident_has_its_messages(incident_store: Engine) -> None:
    with incident_store.connect() as connection:
        stored = store.get_with_messages(connection, "i1")
        assert stored is not None
        assert len(stored.messages) == 1
        assert store.get_with_messages(connection, "none") is None


def test_the_course_counts_the_messages_by_spans(incident_store: Engine) -> None:
    with incident_store.connect() as connection:
        (stored,) = store.incidents(connection, NOW_MS)
        course = store.course(connection, stored, (NOW + timedelta(minutes=10)).timestamp())
        assert sum(count for _, count in course.spans) == 1
        assert course.seconds == 300


def test_an_incident_without_news_for_days_is_not_open(incident_store: Engine) -> None:
    with incident_store.connect() as connection:
        assert len(store.open_now(connection, NOW_MS)) == 1
        later = int((NOW + timedelta(days=3)).timestamp() * 1000)
        assert store.open_now(connection, later) == []


def test_a_backtest_decides_with_the_incident_of_the_time(incident_store: Engine) -> None:
    urgent = replace(policy(), incident_points=(10, 20))
    with incident_store.connect() as connection:
        traffic = RecordedTraffic(connection, None)
        incidents = traffic.incidents()
        (message_id,) = incidents
        assert incidents[message_id].status == "opened", "it was confirmed an hour later"
        events = list(traffic.events())
    facts = RecordedFacts(incidents=incidents)
    same = replay(events, urgent, urgent, facts)
    assert same.changed == 0
    candidate = replace(urgent, incident_points=(30, 30))
    report = replay(events, urgent, candidate, facts)
    assert report.raised == 1
    (example,) = report.examples
    assert example.after.priority == example.before.priority + 20
    assert "state.incident" in example.before.reasons


def _merge(engine: Engine) -> tuple[Incident, Incident]:
    """Merge the incident of the store into another; return the merged one and the other."""
    main = incident("i2", at=NOW)
    merged = verdict(incident(), "merged", NOW.timestamp() + 4000, merged_into="i2")
    with engine.begin() as connection:
        write_rows(connection, encode_rows("incidents.v1", main, merged, offset=3))
    return apply_record(incident(), merged), main


def test_an_incident_has_the_messages_of_those_merged_into_it(incident_store: Engine) -> None:
    _merge(incident_store)
    with incident_store.begin() as connection:
        assert set(store.merged_ids(connection, "i2")) == {"i1", "i2"}
        stored = store.get_with_messages(connection, "i2")
        assert stored is not None
        assert len(stored.messages) == 1


async def _record(
    about: Incident, verb: str, others: list[Incident], into: str | None = None
) -> Incident:
    # The tests refuse each verdict before it is published, so nobody listens at this address.
    publisher = Publisher(KafkaSettings(bootstrap="127.0.0.1:1"), "test")
    body = JudgeIn(agent="ada", into=into)
    return await store.record_verdict(about, verb, body, others, publisher, SystemClock())


def test_a_merged_incident_takes_no_verdict() -> None:
    merged = incident(status="merged", merged_into="i2")
    with pytest.raises(Rejected, match=r"merged into i2"):
        asyncio.run(_record(merged, "confirm", [incident(), incident("i2")]))


@pytest.mark.parametrize("into", [None, "i1", "none"])
def test_a_merge_needs_another_incident(into: str | None) -> None:
    with pytest.raises(Rejected, match="name another"):
        asyncio.run(_record(incident(), "merge", [incident(), incident("i2")], into=into))


def test_a_merge_needs_an_incident_of_the_same_brand() -> None:
    foreign = incident("i3", brand="other")
    with pytest.raises(Rejected, match="brand"):
        asyncio.run(_record(incident(), "merge", [incident(), foreign], into="i3"))
