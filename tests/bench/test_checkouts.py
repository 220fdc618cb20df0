"""A process of a checkout imports that checkout and takes no setting of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.checkouts import HERE, checkout_environment, describe_commit, santral_command


def test_a_command_runs_the_code_of_its_checkout(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project.scripts]\nsantral = "other.app:start"\n')
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "app.py").write_text(
        "import os, sys\ndef start(): print(sys.argv[1], os.environ['SANTRAL_HOME'])\n"
    )
    result = subprocess.run(
        santral_command(tmp_path, "router"),
        env=checkout_environment(tmp_path, "/a/home"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "router /a/home\n"


def test_a_checkout_gets_no_setting_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANTRAL_KAFKA__BOOTSTRAP", "elsewhere:9092")
    environment = checkout_environment(HERE, "/a/home")
    assert "SANTRAL_KAFKA__BOOTSTRAP" not in environment
    assert environment["PATH"] == os.environ["PATH"]


def test_this_python_runs_every_checkout() -> None:
    assert santral_command(HERE)[0] == sys.executable


def test_a_folder_without_history_has_no_commit(tmp_path: Path) -> None:
    assert describe_commit(tmp_path) == "no commit"
