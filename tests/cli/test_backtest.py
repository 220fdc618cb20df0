"""`santral backtest` prints a report, and its exit code is for CI."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from tests.support.messages import NOW
from tests.support.router.backtest import RecordTraffic, record_traffic, traffic

__all__ = ["record_traffic"]
pytestmark = pytest.mark.slow

RULES = """
[[rule]]
id = "own.tram"
department = "sales"
any = ["teleferik*"]
tr = "teleferik"
en = "tram"
match = ["teleferik"]
no_match = ["otobüs"]
weight = 5
"""


@pytest.fixture
def rules(record_traffic: RecordTraffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with the traffic, and a folder of rules to try."""
    settings = record_traffic(traffic())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SANTRAL_HOME", settings.home)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.toml").write_text(RULES)


def _run(*arguments: str, language: str = "en") -> Result:
    command = ["backtest", "--rules", "rules", "--lang", language, *arguments]
    return CliRunner().invoke(main, command)


@pytest.mark.usefixtures("rules")
def test_the_command_prints_the_report_and_writes_the_page(tmp_path: Path) -> None:
    result = _run("--page", "report.html")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["messages"] == 6
    assert report["as_recorded"] == 6
    assert report["judged"]["messages"] == 2
    assert "The report is written to report.html." in result.stderr
    assert "teleferik" in (tmp_path / "report.html").read_text()


@pytest.mark.usefixtures("rules")
def test_a_broken_limit_gives_the_exit_code_1() -> None:
    result = _run("--max-change", "10")
    assert result.exit_code == 1
    assert "would change; at most 10.0% may." in result.stderr
    assert _run("--min-accuracy", "100").exit_code == 1
    assert _run("--max-change", "100", "--min-accuracy", "50").exit_code == 0


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize(
    ("language", "lines", "failure"),
    [
        (
            "tr",
            ["Değişen: 5 ileti (%83,3)", "  Ön Değerlendirme → Satış: 1"],
            "Değişecek iletilerin oranı %83,3; en çok %10,0 olabilir.",
        ),
        (
            "en",
            ["Changed: 5 messages (83.3%)", "  Triage → Sales: 1"],
            "83.3% of the messages would change; at most 10.0% may.",
        ),
    ],
)
def test_the_summary_has_one_language_and_the_titles_of_the_departments(
    language: str, lines: list[str], failure: str
) -> None:
    result = _run("--max-change", "10", language=language)
    summary = result.stderr.splitlines()
    assert [line for line in summary if line in lines] == lines, result.stderr
    assert summary[-1] == failure


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("since", ["2027-01-01", "yesterday"])
def test_a_time_without_messages_gives_the_exit_code_2(since: str) -> None:
    assert _run("--since", since).exit_code == 2


@pytest.mark.usefixtures("rules")
def test_only_messages_since_the_time_are_counted() -> None:
    since = (NOW + timedelta(hours=7, minutes=30)).isoformat()
    assert json.loads(_run("--since", since).stdout)["messages"] == 1
