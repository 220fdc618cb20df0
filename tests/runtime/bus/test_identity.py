"""The names under which processes are members of their groups."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from runtime.bus.identity import claim_identity
from runtime.settings.structs import KafkaSettings, Settings
from tests.support.paths import ROOT

HOLD = """
import sys, time
from runtime.bus.identity import claim_identity
from runtime.settings.structs import Settings
print(claim_identity("router", Settings(home=sys.argv[1])).name, flush=True)
sys.stdin.read()
"""


def settings(home: Path, instance: str = "") -> Settings:
    """Return settings of a home and, perhaps, an explicit instance."""
    return msgspec.structs.replace(
        Settings(), home=str(home), kafka=KafkaSettings(instance=instance)
    )


def claimed_elsewhere(home: Path, number: int) -> str:
    """Let another process claim a name and end by a signal; return the name."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        process.send_signal(number)
    return name


def test_a_process_that_was_killed_gets_its_name_again(tmp_path: Path) -> None:
    killed = claimed_elsewhere(tmp_path, signal.SIGKILL)
    again = claim_identity("router", settings(tmp_path))
    assert again.name == killed
    assert again.lasting


def test_two_processes_of_a_host_have_two_names(tmp_path: Path) -> None:
    first = claim_identity("router", settings(tmp_path))
    second = claim_identity("router", settings(tmp_path))
    assert first.name != second.name
    first.release()
    assert claim_identity("router", settings(tmp_path)).name == first.name


def test_two_stages_of_a_host_have_two_names(tmp_path: Path) -> None:
    router = claim_identity("router", settings(tmp_path))
    assert claim_identity("recorder", settings(tmp_path)).name != router.name


def test_two_containers_with_one_hostname_have_two_names(tmp_path: Path) -> None:
    first = claim_identity("router", settings(tmp_path / "one"))
    assert claim_identity("router", settings(tmp_path / "two")).name != first.name


def test_an_explicit_instance_is_the_name_in_every_home(tmp_path: Path) -> None:
    first = claim_identity("router", settings(tmp_path / "one", "pod/0"))
    second = claim_identity("router", settings(tmp_path / "two", "pod/0"))
    assert first.name == second.name == "santral-router-pod-0-0"


def test_a_home_without_a_folder_gives_a_name_that_does_not_last(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file in the folder's way")
    first = claim_identity("router", settings(tmp_path))
    assert not first.lasting
    assert claim_identity("router", settings(tmp_path)).name != first.name
