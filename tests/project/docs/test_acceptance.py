"""Every row of docs/acceptance/ names tests that exist, or a command that shows what it must."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.paths import ROOT

TIMEOUT_S = 60


class Row(NamedTuple):
    """One row of an acceptance page; `runs` says whether this test runs its command."""

    command: str
    expected: str
    runs: bool


def rows() -> list[Row]:
    """Return the rows of every acceptance page."""
    result = []
    for page in sorted((ROOT / "docs" / "acceptance").glob("*.md")):
        for line in page.read_text().splitlines():
            match = re.match(r"\| (✓ )?`(.+?)` \| (.+?) \| ", line)
            if match:
                result.append(Row(match[2], match[3].strip("`"), match[1] is not None))
    return result


ROWS = rows()
RUN = [row for row in ROWS if row.runs]
PYTEST = [row.command for row in ROWS if row.command.startswith("python -m pytest ")]


def test_the_pages_have_rows_of_both_kinds() -> None:
    assert RUN
    assert PYTEST


@pytest.mark.parametrize("command", PYTEST)
def test_a_row_names_tests_that_are_there(command: str) -> None:
    paths = [word for word in shlex.split(command) if word.startswith("tests/")]
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.slow
@pytest.mark.parametrize("row", RUN, ids=lambda row: row.command[:60])
def test_a_command_shows_the_result_in_its_row(row: Row, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    result = subprocess.run(
        ["bash", "-c", row.command],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert row.expected in result.stdout + result.stderr
