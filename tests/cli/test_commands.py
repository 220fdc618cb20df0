"""Every command with nothing running prints one line of advice, and loads and creates nothing."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.main import main
from tests.support.commands import run_command, run_noting_imports

MESSAGE = "7d1f0c52-3a55-5b0e-9d7f-2f6c1c1c9d11"
LOADED_LATER = {
    *("ingest", "router", "workers"),
    *(
        "aiokafka",
        "confluent_kafka",
        "faust",
        "httpx2",
        "numpy",
        "redis",
        "sqlalchemy",
        "starlette",
    ),
}
"""The stages and the libraries of servers, which take a second or more to load."""

# The arguments of each command. A new command needs a row.
NEEDS_SOMETHING_RUNNING = {
    "backtest": [],
    "check": [],
    "console": [],
    "dead list": [],
    "dead redrive": [MESSAGE],
    "dead show": [MESSAGE],
    "demo": ["--count", "1"],
    "env": [],
    "explain": [MESSAGE],
    "follow": [MESSAGE],
    "import": ["rows.csv"],
    "ingest": [],
    "ledger": [],
    "router": [],
    "send": ["--text", "Kargom nerede?"],
    "status": [],
    "store adopt": ["--yes"],
    "tap": ["messages"],
    "topics": [],
    "train": ["--task", "department", "--out", "m.model", "--corrections"],
    "watch": [],
    "workers": [],
}
ANSWERS_BY_ITSELF = {
    "decide": ["lines.jsonl"],
    "evaluate": ["lines.jsonl", "--task", "department", "--model", "none.model"],
    "parse": ["api", "body.json"],
    "sla due": ["--calendar", "24/7", "--from", "2026-11-28T09:00Z", "--for", "4h"],
    "sla replay": ["records.jsonl", "--now", "2026-11-28T09:00Z"],
    "up": [],
}
FILES = {
    "rows.csv": "text,email\nKargom nerede?,ada@ornek.example\n",
    "lines.jsonl": '{"text": "Kargom nerede?"}\n',
    "records.jsonl": "\n",
    "body.json": '{"native_id": "1", "text": "selam", "sender": {"handle": "ada"}}',
}


def _commands(group: click.Group, path: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path}{name} ")
        else:
            yield f"{path}{name}"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with the files that the samples name."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def _inside(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_each_command_has_its_row_here() -> None:
    assert set(_commands(main)) == {*NEEDS_SOMETHING_RUNNING, *ANSWERS_BY_ITSELF}


@pytest.mark.parametrize(
    ("command", "home"),
    [
        *((command, "var") for command in NEEDS_SOMETHING_RUNNING),
        *itertools.product(["ledger", "send", "router"], ["a/wrong/path", "rows.csv"]),
    ],
)
def test_a_command_with_nothing_running_gives_advice_and_loads_and_creates_nothing(
    here: Path, command: str, home: str
) -> None:
    before = _inside(here)
    result, packages = run_noting_imports(
        here, *command.split(), *NEEDS_SOMETHING_RUNNING[command], SANTRAL_HOME=str(here / home)
    )
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert str(here / home) in line
    assert "SANTRAL_HOME" in line
    assert "make run" in line
    assert _inside(here) == before
    assert packages & LOADED_LATER == set()


@pytest.mark.slow
def test_a_command_that_needs_nothing_running_creates_nothing(here: Path) -> None:
    before = _inside(here)
    assert run_command(here, "decide", "lines.jsonl").returncode == 0
    assert run_command(here, "parse", "api", "body.json").returncode == 0
    for command in ("sla due", "sla replay"):
        assert run_command(here, *command.split(), *ANSWERS_BY_ITSELF[command]).returncode == 0
    assert (
        run_command(
            here, *["evaluate", "lines.jsonl", "--task", "department", "--model", "none"]
        ).returncode
        == 2
    )
    assert run_command(here, "up", SANTRAL_HOME=str(here / "rows.csv")).returncode == 2
    assert _inside(here) == before


@pytest.mark.parametrize(
    "words",
    [
        ["tap", "nosuch"],
        ["tap", "queue.nosuch"],
        ["tap", "messages", "nosuch"],
        ["follow", "nosuch"],
        ["follow", MESSAGE[:8]],
        ["explain", "nosuch"],
        ["dead", "show", "x"],
        ["dead", "redrive", MESSAGE, "'; --"],
        ["parse", "nosuch", "body.json"],
        ["send"],
        ["nosuch"],
        ["send", "nosuch.eml"],
        ["--config", "nosuch.toml", "check"],
    ],
)
def test_a_wrong_argument_gives_one_line_of_error_and_creates_nothing(
    here: Path, words: list[str]
) -> None:
    result = run_command(here, *words)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert not (here / "var").exists()


def test_an_unknown_topic_gives_the_list_of_topics(here: Path) -> None:
    assert "queue.billing" in run_command(here, "tap", "nosuch").stderr
    listed = run_command(here, "tap")
    assert listed.returncode == 0
    assert "queue.billing.v1" in listed.stdout
    assert "decisions.v1" in listed.stdout


def test_an_empty_file_of_the_store_counts_as_nothing_running(here: Path) -> None:
    (here / "var").mkdir()
    (here / "var" / "santral.db").touch()
    result = run_command(here, "dead", "list")
    assert result.returncode == 2
    assert "nothing runs" in result.stderr


def test_the_version_says_which_modules_the_router_runs(tmp_path: Path) -> None:
    result = run_command(tmp_path, "--version", SANTRAL_COMPILED="off")
    version, modules = result.stdout.splitlines()
    assert version.startswith("santral, version ")
    assert modules == "router: pure modules, because SANTRAL_COMPILED is off"
