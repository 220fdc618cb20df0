"""`santral sla due` prints one instant, or says why it can't."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main

SETTINGS = """
[calendars.office]
week = { mon = "09:00-18:00", tue = "09:00-18:00", wed = "09:00-18:00", thu = "09:00-18:00", fri = "09:00-18:00" }
holidays = "TR"
[calendars.lunch]
week = { mon = ["09:00-12:00", "13:00-18:00"], tue = ["09:00-12:00", "13:00-18:00"], wed = ["09:00-12:00", "13:00-18:00"], thu = ["09:00-12:00", "13:00-18:00"], fri = ["09:00-12:00", "13:00-18:00"] }
holidays = "TR"
[calendars.saturday]
week = { mon = "09:00-18:00", tue = "09:00-18:00", wed = "09:00-18:00", thu = "09:00-18:00", fri = "09:00-18:00", sat = "10:00-14:00" }
[calendars.night]
week = { mon = "22:00-06:00", tue = "22:00-30:00", wed = "22:00-06:00", thu = "22:00-06:00", fri = "22:00-06:00", sat = "22:00-06:00", sun = "22:00-06:00" }
[calendars.berlin]
zone = "Europe/Berlin"
week = "24/7"
[calendars.berlin_night]
zone = "Europe/Berlin"
week = { mon = "01:00-04:00", tue = "01:00-04:00", wed = "01:00-04:00", thu = "01:00-04:00", fri = "01:00-04:00", sat = "01:00-04:00", sun = "01:00-04:00" }
[calendars.yearly]
week = {}
days = { "2027-01-01" = "10:00-11:00", "2028-01-01" = "10:00-11:00" }
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "T.toml"
    file.write_text(SETTINGS)
    return file


def due(config: Path, calendar: str, start: str, duration: str, *words: str) -> Result:
    """Run the command with its own --config."""
    options = ["--calendar", calendar, "--from", start, "--for", duration, *words]
    return CliRunner().invoke(main, ["sla", "due", "--config", str(config), *options])


@pytest.mark.parametrize(
    ("calendar", "start", "duration", "expected"),
    [
        ("office", "2026-11-26T16:30+03:00", "4h", "2026-11-27T11:30:00+03:00"),
        ("office", "2026-11-27T17:00+03:00", "4h", "2026-11-30T12:00:00+03:00"),
        ("lunch", "2026-11-26T11:00+03:00", "4h", "2026-11-26T16:00:00+03:00"),
        ("office", "2026-03-19T11:00+03:00", "4h", "2026-03-23T11:00:00+03:00"),
        ("office", "2026-05-26T09:00+03:00", "8h", "2026-06-01T13:00:00+03:00"),
        ("office", "2026-10-28T12:00+03:00", "4h", "2026-10-30T12:00:00+03:00"),
        ("lunch", "2026-10-28T11:00+03:00", "2h", "2026-10-30T10:00:00+03:00"),
        ("office", "2026-04-23T10:00+03:00", "2h", "2026-04-24T11:00:00+03:00"),
        ("night", "2026-11-26T23:00+03:00", "8h", "2026-11-27T23:00:00+03:00"),
        ("night", "2026-11-27T05:30+03:00", "2h", "2026-11-27T23:30:00+03:00"),
        ("office", "2026-11-26T18:00+03:00", "1h", "2026-11-27T10:00:00+03:00"),
        ("office", "2026-11-26T09:00+03:00", "9h", "2026-11-26T18:00:00+03:00"),
        ("saturday", "2026-11-28T13:00+03:00", "2h", "2026-11-30T10:00:00+03:00"),
        ("berlin", "2026-03-28T12:00+01:00", "24h", "2026-03-29T13:00:00+02:00"),
        ("berlin", "2026-10-24T12:00+02:00", "24h", "2026-10-25T11:00:00+01:00"),
        ("berlin_night", "2026-03-29T00:30+01:00", "3h", "2026-03-30T02:00:00+02:00"),
        ("berlin_night", "2026-10-25T00:30+02:00", "3h", "2026-10-25T03:00:00+01:00"),
        ("office", "2026-11-26T16:30+03:00", "95m", "2026-11-27T09:05:00+03:00"),
        ("office", "2026-11-26T16:30+03:00", "2wd", "2026-11-30T16:30:00+03:00"),
        ("office", "2026-11-26T13:30Z", "4h", "2026-11-27T11:30:00+03:00"),
        ("office", "2026-11-26T16:30", "4h", "2026-11-27T11:30:00+03:00"),
        ("24/7", "2026-11-26T16:30Z", "4h", "2026-11-26T20:30:00+00:00"),
    ],
)
def test_it_prints_one_instant_with_its_offset(
    config: Path, calendar: str, start: str, duration: str, expected: str
) -> None:
    result = due(config, calendar, start, duration)
    assert result.output == f"{expected}\n"
    assert result.exit_code == 0


def test_the_settings_before_the_command_are_used_too(config: Path) -> None:
    options = ["sla", "due", "--calendar", "berlin", "--from", "2026-01-01T00:00Z", "--for", "1h"]
    result = CliRunner().invoke(main, ["--config", str(config), *options])
    assert result.output == "2026-01-01T02:00:00+01:00\n"


@pytest.mark.parametrize(
    ("calendar", "start", "duration", "words"),
    [
        ("office", "2026-11-26T16:30", "2d", "'18h' or '2wd'"),
        ("office", "2026-11-26T16:30", "soon", "'95m', '4h' or '2wd'"),
        ("offfice", "2026-11-26T16:30", "4h", "'office'"),
        ("office", "yesterday", "4h", "2026-10-28T12:00+03:00"),
        ("office", "0001-01-01T00:00", "4h", "between 1971 and 2200"),
        ("office", "9999-12-31T23:59-12:00", "4h", "between 1971 and 2200"),
        ("yearly", "2026-11-26T16:30", "10000h", "within ten years"),
        ("yearly", "2026-11-26T16:30", "2wd", "no hours"),
    ],
)
def test_it_says_why_it_cannot_answer(
    config: Path, calendar: str, start: str, duration: str, words: str
) -> None:
    result = due(config, calendar, start, duration, "--lang", "en")
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_it_says_so_in_turkish(config: Path) -> None:
    result = due(config, "yearly", "2026-11-26T16:30", "10000h", "--lang", "tr")
    assert "on yıl içinde" in result.stderr


def test_a_due_time_beyond_the_dates_of_holidays_is_a_finding(config: Path) -> None:
    result = due(config, "office", "2026-11-26T16:30+03:00", "9000h", "--lang", "en")
    assert result.exit_code == 1
    assert result.stdout.startswith("2030-")
    assert "holidays in 2030" in result.stderr


def test_a_calendar_without_holidays_has_no_such_finding(config: Path) -> None:
    assert due(config, "saturday", "2026-11-26T16:30+03:00", "12000h").exit_code == 0


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    result = due(tmp_path / "missing.toml", "office", "2026-11-26T16:30", "4h")
    assert result.exit_code == 2
    assert "no such file" in result.stderr
