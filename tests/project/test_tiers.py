"""`make test-fast` leaves out every test that needs a server, and only those."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.project import tiers
from tests.support.servers.broker import start_broker
from tests.support.servers.local_profile import LocalProfile
from tests.support.servers.vendor import Vendor


def _starts_one_itself() -> None:
    subprocess.Popen(["true"])


def _by_a_helper() -> None:
    def inside() -> None:
        _starts_one_itself()

    inside()


def _by_a_class() -> LocalProfile:
    return LocalProfile.__new__(LocalProfile)


def _in_a_thread() -> Vendor:
    return Vendor()


@pytest.mark.parametrize("function", [_starts_one_itself, _by_a_helper, _by_a_class, start_broker])
def test_a_function_that_starts_a_process_needs_a_server(function: object) -> None:
    assert tiers.starts_server(function)


@pytest.mark.parametrize(
    "function", [_in_a_thread, test_a_function_that_starts_a_process_needs_a_server]
)
def test_threads_and_pure_code_need_no_server(function: object) -> None:
    assert not tiers.starts_server(function)


def test_files_are_grouped_before_the_groups_are_read(request: pytest.FixtureRequest) -> None:
    """pytest-xdist reads the groups in the same hook, in which the last of the list runs first."""
    hook = request.config.hook.pytest_collection_modifyitems
    assert Path(hook.get_hookimpls()[-1].plugin_name) == ROOT / "tests" / "conftest.py"


def test_all_that_runs_alone_is_in_one_folder() -> None:
    """`make test` reads no other folder for it."""
    files = {
        path.parent
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"mark\.alone\b", path.read_text()) and path != Path(__file__)
    }
    assert files == {ROOT / "tests" / "chaos"}
