"""`santral check` on calendars and service levels."""

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.service_levels.checks import service_level_findings
from runtime.settings.load import load

CALENDAR = '[calendars.c]\nweek = { mon = "09:00-18:00" }\n'
REST = '[sla.rest]\ncalendar = "c"\nfirst_response = "4h"\n'
CHAT = '[sla.chat]\ncalendar = "c"\nchannel = "chat"\nfirst_response = "10m"\n'


def check(folder: Path, text: str) -> tuple[int, str]:
    """Check settings offline; return the exit code and the output."""
    file = folder / "santral.toml"
    file.write_text(text)
    result = CliRunner().invoke(main, ["--config", str(file), "check", "--offline"])
    return result.exit_code, result.output


def test_service_levels_in_order_are_counted(tmp_path: Path) -> None:
    code, output = check(tmp_path, CALENDAR + CHAT + REST)
    assert code == 0
    assert "1 calendars, 2 service levels" in output


def test_settings_without_service_levels_say_nothing_of_them(tmp_path: Path) -> None:
    assert "service levels" not in check(tmp_path, "")[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[calendars.c]\nweek = {}\n", "[calendars.c] week: the calendar never opens"),
        (CALENDAR + REST.replace('"c"', '"d"'), "[sla.rest] calendar: there is no calendar 'd'"),
        (CALENDAR + REST + CHAT, "[sla.chat]: no message can get it"),
        (CALENDAR + REST + 'warn = "4h"\n', "[sla.rest] warn: 240 minutes are not left"),
        (CALENDAR + CHAT.replace('"chat"', '"chatt"'), "Did you mean 'chat'?"),
        (CALENDAR + REST + 'standing = "gold"\n', "no customer has the standing 'gold'"),
    ],
)
def test_a_service_level_that_cannot_work_is_named(tmp_path: Path, text: str, words: str) -> None:
    code, output = check(tmp_path, text)
    assert code == 2
    assert words in output


def test_a_standing_of_the_customers_file_is_right(tmp_path: Path) -> None:
    customers = tmp_path / "customers.csv"
    customers.write_text("handle,standing,points\nada@example.com,gold,20\n")
    text = f'[router]\nstanding = "{customers}"\n{CALENDAR}{REST}standing = "gold"\n'
    assert check(tmp_path, text)[0] == 0


def test_computed_dates_of_holidays_are_named_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "santral.toml"
    file.write_text(CALENDAR + 'holidays = "TR"\n' + CHAT + REST)
    assert service_level_findings(load(file, {}), date(2026, 11, 28)) == []
    assert "official" not in capsys.readouterr().out
    assert service_level_findings(load(file, {}), date(2031, 6, 1)) == []
    assert capsys.readouterr().out.count("not yet official") == 1
