"""Calendars and service levels from the settings file."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from runtime.settings.load import load
from runtime.settings.service_levels.build import ServiceLevels, build_service_levels
from schemas.errors import ConfigError
from schemas.service_levels.levels import MessageTraits, choose_service_level

TODAY = date(2026, 11, 28)
OFFICE = """
[calendars.office]
week = { mon = "09:00-18:00", tue = "09:00-18:00", wed = "09:00-18:00", thu = "09:00-18:00", fri = "09:00-18:00" }
holidays = "TR"
"""
LUNCH = """
[calendars.lunch]
week = { mon = ["09:00-12:30", "13:30-18:00"], sat = ["10:00-14:00"] }
"""


def build(folder: Path, text: str, today: date = TODAY) -> ServiceLevels:
    """Return the service levels of a settings file."""
    file = folder / "santral.toml"
    file.write_text(text)
    return build_service_levels(load(file, {}), today)


def problem(folder: Path, text: str) -> str:
    """Return the only mistake of a settings file."""
    with pytest.raises(ConfigError) as caught:
        build(folder, text)
    (line,) = caught.value.problems
    return line


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-03-19T11:00", 4, "2026-03-23T11:00"),
        ("2026-05-26T09:00", 8, "2026-06-01T13:00"),
        ("2026-10-28T12:00", 4, "2026-10-30T12:00"),
        ("2026-04-23T10:00", 2, "2026-04-24T11:00"),
    ],
)
def test_turkish_holidays_and_their_eves_close(
    tmp_path: Path, start: str, hours: int, due: str
) -> None:
    calendar = build(tmp_path, OFFICE).calendars["office"]
    zone = ZoneInfo(calendar.zone)
    end = calendar.add(datetime.fromisoformat(start).replace(tzinfo=zone), timedelta(hours=hours))
    assert end == datetime.fromisoformat(due).replace(tzinfo=zone)


def test_a_calendar_has_the_holidays_of_two_years_back_and_three_ahead(tmp_path: Path) -> None:
    days = build(tmp_path, OFFICE).calendars["office"].days
    assert (min(days).year, max(days).year) == (2024, 2029)
    assert days[date(2026, 10, 28)] == (("09:00", "13:00"),)
    assert days[date(2026, 10, 29)] == ()


def test_a_half_holiday_closes_at_the_given_time(tmp_path: Path) -> None:
    days = build(tmp_path, OFFICE + 'half_day_from = "12:00"').calendars["office"].days
    assert days[date(2026, 10, 28)] == (("09:00", "12:00"),)


def test_a_day_that_is_a_holiday_and_an_eve_is_closed(tmp_path: Path) -> None:
    assert build(tmp_path, OFFICE).calendars["office"].days[date(2029, 4, 23)] == ()


def test_own_dates_replace_holidays_and_the_week(tmp_path: Path) -> None:
    text = OFFICE + 'days = { "2026-10-29" = "10:00-12:00", "2026-12-31" = [] }'
    days = build(tmp_path, text).calendars["office"].days
    assert days[date(2026, 10, 29)] == (("10:00", "12:00"),)
    assert days[date(2026, 12, 31)] == ()


def test_a_part_of_a_country_has_holidays_of_its_own(tmp_path: Path) -> None:
    text = OFFICE.replace('"TR"', '["TR", "DE-BY"]')
    days = build(tmp_path, text).calendars["office"].days
    assert days[date(2026, 6, 4)] == ()  # Corpus Christi
    assert days[date(2026, 10, 29)] == ()


def test_a_calendar_may_never_close(tmp_path: Path) -> None:
    calendar = build(tmp_path, '[calendars.all]\nweek = "24/7"').calendars["all"]
    start = datetime(2026, 11, 28, tzinfo=UTC)
    assert calendar.add(start, timedelta(days=9)) == start + timedelta(days=9)


def test_a_calendar_of_single_dates_is_one(tmp_path: Path) -> None:
    text = '[calendars.fair]\nweek = {}\ndays = { "2026-11-29" = "10:00-16:00" }'
    calendar = build(tmp_path, text).calendars["fair"]
    start = datetime(2026, 11, 28, tzinfo=UTC)
    assert calendar.between(start, start + timedelta(days=30)) == timedelta(hours=6)


def test_a_service_level_counts_in_its_calendar(tmp_path: Path) -> None:
    text = LUNCH + (
        '[sla.default]\ncalendar = "lunch"\nfirst_response = "4h"\nnext_response = "95m"\n'
        'resolution = "2wd"\npickup = "30m"\nwarn = ["50%", "30m"]\nreopen_within = "3d"\n'
        'on_warn = "notify:ops"\n'
        'on_breach = ["points:20", "escalate:legal?after=1wd"]\n'
    )
    level = build(tmp_path, text).levels[0]
    assert level.targets_s == (4 * 3600, 95 * 60, 16 * 3600, 1800)
    assert [(w.percent, w.left_s) for w in level.warn] == [(50, None), (None, 1800)]
    assert level.reopen_within_s == 3 * 86_400
    assert [(a.kind, a.target, a.after_s) for a in (*level.on_warn, *level.on_breach)] == [
        ("notify", "ops", 0),
        ("points", "20", 0),
        ("escalate", "legal", 8 * 3600),
    ]


def test_a_departments_own_times_rule_until_a_service_level_matches(tmp_path: Path) -> None:
    text = LUNCH + '[sla.chat]\ncalendar = "lunch"\nchannel = "chat"\nfirst_response = "10m"\n'
    service_levels = build(tmp_path, text)

    def rules(channel: str) -> tuple[str, int | None]:
        traits = MessageTraits(brand="b", department="technical", channel=channel, intent="request")
        level = choose_service_level(service_levels.levels, traits)
        assert level is not None
        return level.calendar, level.first_response_s

    assert rules("chat") == ("lunch", 600)
    assert rules("email") == ("24/7", 2 * 3600)


def test_settings_without_service_levels_have_those_of_the_departments(tmp_path: Path) -> None:
    service_levels = build(tmp_path, "")
    assert list(service_levels.calendars) == ["24/7"]
    assert {level.calendar for level in service_levels.levels} == {"24/7"}
    assert len(service_levels.levels) == 12


def test_service_levels_keep_the_order_of_the_file(tmp_path: Path) -> None:
    table = '[sla.{}]\ncalendar = "lunch"\nfirst_response = "1h"\n'
    levels = build(tmp_path, LUNCH + "".join(map(table.format, "zab"))).levels
    assert [level.name for level in levels[:3]] == ["z", "a", "b"]


_LEVEL = LUNCH + '[sla.x]\ncalendar = "lunch"\nfirst_response = "1h"\n'


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (LUNCH + 'zone = "Europe/Istambul"', ("[calendars.lunch] zone", "'Europe/Istanbul'?")),
        (LUNCH + 'zone = "Europe"', ("[calendars.lunch] zone", "there is no time zone")),
        (LUNCH + 'holidays = "TRX"', ("[calendars.lunch] holidays", "'TR'")),
        (LUNCH + 'holidays = "DE-BAY"', ("[calendars.lunch] holidays", "'DE-BY'")),
        (LUNCH + 'half_day_from = "noon"', ("[calendars.lunch] half_day_from", "'09:00'")),
        (LUNCH + 'days = { "31.12.2026" = [] }', ("[calendars.lunch] days", "'2026-12-31'")),
        (LUNCH + 'days = { "2026-12-31" = "9-13" }', ("days.2026-12-31", "'09:00-18:00'")),
        (LUNCH.replace("sat", "samstag"), ("[calendars.lunch] week", "fri, sat, sun")),
        (LUNCH.replace("10:00-14:00", "10"), ("week.sat", "'09:00-18:00'")),
        ("[calendars.none]\nweek = {}", ("[calendars.none] week", "never opens")),
        ("[calendars.none]\nweek = { mon = [] }\nholidays = 'TR'", ("never opens",)),
        ('[calendars.x]\nweek = "always"', ("[calendars.x] week",)),
        ("[calendars.x]\nzone = 'UTC'", ("[calendars.x]", "'week' is missing")),
        ("[calendars.'a b']\nweek = '24/7'", ("[calendars.a b]", "Write letters")),
        (LUNCH + '[sla.x]\ncalendar = "lunch"', ("[sla.x]", "promises nothing")),
        (_LEVEL.replace('"lunch"', '"luhcn"'), ("[sla.x] calendar", "'luhcn'", "'lunch'")),
        (_LEVEL.replace("1h", "2d"), ("[sla.x] first_response", "'16h'", "'2wd'")),
        (_LEVEL + 'pickup = "soon"', ("[sla.x] pickup", "'2wd'")),
        (_LEVEL + 'department = "biling"', ("[sla.x] department", "'billing'?")),
        (_LEVEL + 'warn = "100%"', ("[sla.x] warn", "'99%'")),
        (_LEVEL + 'warn = "1d"', ("[sla.x] warn", "'8h'")),
        (_LEVEL + 'on_warn = "mail:ops"', ("[sla.x] on_warn", "'notify:NAME'")),
        (_LEVEL + 'on_breach = "points:0"', ("[sla.x] on_breach", "'points:20'")),
        (_LEVEL + 'on_breach = "points:ops"', ("[sla.x] on_breach", "'points:20'")),
        (_LEVEL + 'on_breach = "escalate:legall"', ("[sla.x] on_breach", "'legal'?")),
        (_LEVEL + 'on_breach = "notify:ops?after=soon"', ("[sla.x] on_breach", "'soon'")),
        (_LEVEL + "severity = 3", ("[sla.x] severity",)),
        (_LEVEL + 'pause_on = "holiday"', ("[sla.x] pause_on",)),
        (_LEVEL + 'late_answer = "never"', ("[sla.x] late_answer",)),
        (_LEVEL + 'pikcup = "1h"', ("[sla.x]", "Did you mean 'pickup'?")),
    ],
)
def test_a_mistake_is_named_with_its_key_and_its_remedy(
    tmp_path: Path, text: str, parts: tuple[str, ...]
) -> None:
    line = problem(tmp_path, text)
    for words in parts:
        assert words in line


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    text = (
        '[calendars.x]\nzone = "?"\nweek = { mo = [] }\nholidays = "?"\n[sla.y]\ncalendar = "?"\n'
    )
    with pytest.raises(ConfigError) as caught:
        build(tmp_path, text)
    assert len(caught.value.problems) == 4


def test_a_mistake_in_a_calendar_is_not_named_again_at_its_service_levels(tmp_path: Path) -> None:
    assert "[calendars.lunch] zone" in problem(tmp_path, _LEVEL.replace("week", 'zone = "?"\nweek'))


def test_a_version_depends_on_the_dates_and_not_on_the_day_of_reading(tmp_path: Path) -> None:
    versions = [
        build(tmp_path, OFFICE, today).calendars["office"].version
        for today in (TODAY, date(2026, 1, 1), date(2027, 1, 1))
    ]
    assert versions[0] == versions[1] != versions[2]
