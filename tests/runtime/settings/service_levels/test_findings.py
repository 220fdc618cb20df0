"""Service levels that can't do what they promise."""

from datetime import date

from runtime.settings.service_levels.findings import (
    estimate_notes,
    late_warnings,
    unreachable_levels,
)
from runtime.settings.service_levels.tables import CalendarSettings
from schemas.service_levels.levels import ServiceLevel, WarnTime

CHAT = ServiceLevel(name="chat", channels=("chat",), calendar="c", first_response_s=600)
REST = ServiceLevel(name="rest", calendar="c", first_response_s=3600, pickup_s=600)


def test_a_level_below_a_wider_one_is_unreachable() -> None:
    (line,) = unreachable_levels((REST, CHAT))
    assert line.startswith("[sla.chat]: no message can get it")
    assert "[sla.rest]" in line
    assert list(unreachable_levels((CHAT, REST))) == []


def test_a_warning_before_every_promise_begins_is_late() -> None:
    warned = ServiceLevel(
        name="x",
        calendar="c",
        first_response_s=3600,
        pickup_s=600,
        warn=(WarnTime(left_s=3600), WarnTime(left_s=3599), WarnTime(percent=99)),
    )
    (line,) = late_warnings((warned,))
    assert line.startswith("[sla.x] warn: 60 minutes")


def test_computed_dates_of_holidays_have_one_note_for_each_calendar() -> None:
    table = CalendarSettings(week="24/7", holidays=("TR",))
    tables = {"istanbul": table, "own": CalendarSettings(week="24/7")}
    assert list(estimate_notes(tables, date(2026, 11, 28))) == []
    (note,) = estimate_notes(tables, date(2031, 6, 1))
    assert "[calendars.istanbul] holidays: " in note
    assert "2033-01-02" in note
    assert "(tahmini)" in note
