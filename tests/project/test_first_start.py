"""The first start shows pip's progress, and returns its exit code."""

import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

PIP = """
print("Collecting click==8.3.0")
print("  Downloading click-8.3.0-py3-none-any.whl (107 kB)")
print("Collecting numpy==2.4.0")
print("  Downloading numpy-2.4.0.whl (16.6 MB)")
print("Installing collected packages: click, numpy")
"""


def _install(tmp_path: Path, pip: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "requirements.txt").write_text("click==8.3.0 \\\n    --hash=x\nnumpy==2.4.0\n")
    (tmp_path / "click-8.3.0.dist-info").mkdir()
    return subprocess.run(
        [
            sys.executable,
            "deploy/pip_progress.py",
            str(tmp_path / "requirements.txt"),
            str(tmp_path),
            sys.executable,
            "-c",
            pip,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_install_prints_its_progress(tmp_path: Path) -> None:
    result = _install(tmp_path, PIP)
    assert result.returncode == 0
    assert result.stdout.startswith("  unpacked 1 of 2 packages (17 MB), ")


def test_a_failure_is_handed_on_with_pips_last_words(tmp_path: Path) -> None:
    result = _install(tmp_path, 'print("ERROR: no matching hash"); raise SystemExit(3)')
    assert result.returncode == 3
    assert "ERROR: no matching hash" in result.stderr
