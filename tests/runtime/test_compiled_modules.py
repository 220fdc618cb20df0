"""Compiled modules run only if they are of these sources, and nothing was imported before them."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from runtime.compiled_modules import (
    BUILD_FILE,
    ROOT,
    SWITCH,
    Build,
    Status,
    activate,
    find_status,
    hash_sources,
)
from tests.support.router.varied_records import MESSAGES

_IMPORT = """
import sys
from pathlib import Path
from runtime import compiled_modules
print(compiled_modules.activate({}, Path(sys.argv[1])).name)
from router.text import phone_numbers, terms
print(terms.__file__)
print(phone_numbers.__file__)
"""


def _write_build(folder: Path, sources: str, *modules: str) -> Path:
    build = Build(frozenset(modules), sources)
    (folder / BUILD_FILE).write_bytes(msgspec.json.encode(build))
    return folder


@pytest.fixture
def fitting(tmp_path: Path) -> Path:
    """A build of these sources, with a copy of one module that this process has not imported."""
    copy = tmp_path / "router" / "text" / "terms.py"
    copy.parent.mkdir(parents=True)
    copy.write_text("")
    return _write_build(tmp_path, hash_sources(ROOT), "router.text.terms")


def test_without_a_build_the_pure_modules_run(tmp_path: Path) -> None:
    assert activate({}, tmp_path) is Status.ABSENT


def test_a_build_of_other_sources_does_not_run(tmp_path: Path) -> None:
    stale = _write_build(tmp_path, hash_sources(tmp_path), "router.text.terms")
    assert activate({}, stale) is Status.STALE
    assert "make compiled" in Status.STALE.value


def test_a_build_does_not_run_where_the_switch_is_off(fitting: Path) -> None:
    assert activate({SWITCH: "off"}, fitting) is Status.OFF
    assert find_status({SWITCH: "off"}, fitting) is Status.OFF


def test_a_build_does_not_run_beside_modules_that_were_imported_already(tmp_path: Path) -> None:
    late = _write_build(tmp_path, hash_sources(ROOT), "runtime.compiled_modules")
    assert activate({}, late) is Status.LATE


def test_a_fitting_build_replaces_its_modules_and_no_others(fitting: Path) -> None:
    assert find_status({}, fitting) is Status.IN_USE
    program = subprocess.run(
        [sys.executable, "-c", _IMPORT, str(fitting)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert program.stdout.splitlines() == [
        "IN_USE",
        str(fitting / "router" / "text" / "terms.py"),
        str(ROOT / "router" / "text" / "phone_numbers.py"),
    ]


def test_every_changed_or_renamed_source_changes_the_hash(tmp_path: Path) -> None:
    source = tmp_path / "router" / "a.py"
    source.parent.mkdir()
    source.write_text("x = 1\n")
    first = hash_sources(tmp_path)
    source.write_text("x = 2\n")
    second = hash_sources(tmp_path)
    source.rename(source.with_name("b.py"))
    assert len({first, second, hash_sources(tmp_path)}) == 3


@pytest.mark.certify
def test_compiled_and_pure_modules_write_the_same_bytes() -> None:
    assert find_status() is Status.IN_USE, "run `make compiled` first, as `make certify` does"
    pure, compiled = (
        subprocess.run(
            [sys.executable, "-m", "tests.support.router.varied_records", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        ).stdout.splitlines()
        for arguments in ([], ["compiled"])
    )
    assert len(pure) > 2 * MESSAGES
    assert pure == compiled
