"""Versions of calendars and service levels are derived from their contents."""

import json
from datetime import UTC, date, datetime, timedelta

import msgspec
from jsonschema import Draft202012Validator

from schemas.publish import PUBLISHED
from schemas.service_levels.levels import ServiceLevel
from schemas.service_levels.versions import PolicyVersion, policy_version, with_version
from tests.support.paths import ROOT
from tests.support.work_hours import calendar, office_week

NOW = datetime(2026, 11, 28, 9, tzinfo=UTC)
OFFICE = calendar(office_week(), {"2026-10-29": ""})
CALENDARS = {"test": OFFICE, "spare": calendar(office_week("10:00-16:00"))}
LEVELS = (
    ServiceLevel(name="acme", brands=("acme",), calendar="test", first_response_s=3600),
    ServiceLevel(name="other", brands=("other",), calendar="spare", first_response_s=60),
    ServiceLevel(name="rest", calendar="test", first_response_s=14400, resolution_s=57600),
)


def test_a_brand_has_its_service_levels_and_their_calendars() -> None:
    version = policy_version("acme", NOW, CALENDARS, LEVELS)
    assert [level.name for level in version.service_levels] == ["acme", "rest"]
    assert [work.name for work in version.calendars] == ["test"]


def test_the_same_contents_have_the_same_version_at_any_time() -> None:
    first = policy_version("acme", NOW, CALENDARS, LEVELS)
    later = policy_version(
        "acme", NOW + timedelta(days=400), dict(reversed(CALENDARS.items())), LEVELS
    )
    assert first.id == later.id


def test_the_order_of_days_and_dates_does_not_matter() -> None:
    days = {date(2026, 5, 1): (), date(2026, 1, 1): ()}
    first = msgspec.structs.replace(OFFICE, days=days)
    other = msgspec.structs.replace(
        OFFICE, days=dict(reversed(days.items())), week=dict(reversed(OFFICE.week.items()))
    )
    assert with_version(first) == with_version(other)


def test_other_contents_have_another_version() -> None:
    ids = {
        policy_version("acme", NOW, CALENDARS, LEVELS).id,
        policy_version("other", NOW, CALENDARS, LEVELS).id,
        policy_version("acme", NOW, CALENDARS, LEVELS[::-1]).id,
        policy_version("acme", NOW, CALENDARS, LEVELS[:1]).id,
        policy_version("acme", NOW, {"test": calendar(office_week())}, (LEVELS[0], LEVELS[2])).id,
    }
    assert len(ids) == 5


def test_a_version_on_the_wire_is_the_published_vector() -> None:
    vector = (ROOT / "tests/data/vectors/policy_version.json").read_bytes()
    version = policy_version("acme", NOW, CALENDARS, LEVELS)
    assert json.loads(msgspec.json.encode(version)) == json.loads(vector)
    assert msgspec.json.decode(vector, type=PolicyVersion) == version


def test_the_published_vector_fits_the_published_schema() -> None:
    schema = json.loads((PUBLISHED / "policy_version.v1.schema.json").read_text())
    vector = json.loads((ROOT / "tests/data/vectors/policy_version.json").read_bytes())
    Draft202012Validator(schema).validate(vector)
