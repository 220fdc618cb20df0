"""The commands of a checkout, this one or another commit's, in a process of their own."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parents[1]


def santral_command(checkout: Path, *arguments: str) -> tuple[str, ...]:
    """Return a `santral` command of a checkout, which runs in checkout_environment.

    This Python runs the command, so that only the code differs between two checkouts.
    """
    project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, function = project["project"]["scripts"]["santral"].partition(":")
    program = f"import sys; from {module} import {function}; {function}()"
    # -P, because the working directory may have packages of our names.
    return (sys.executable, "-P", "-c", program, *arguments)


def checkout_environment(checkout: Path, home: Path | str) -> dict[str, str]:
    """Return the environment in which a process imports a checkout and keeps its files at home."""
    settings = {key: value for key, value in os.environ.items() if not key.startswith("SANTRAL_")}
    return settings | {"PYTHONPATH": str(checkout), "SANTRAL_HOME": str(home)}


def describe_commit(checkout: Path) -> str:
    """Return the short hash of a checkout's commit, with a plus sign where files are changed."""
    commit = _git(checkout, "rev-parse", "--short", "HEAD").strip()
    changed = _git(checkout, "status", "--porcelain", "--untracked-files=no").strip()
    return (commit or "no commit") + ("+" if changed else "")


def _git(checkout: Path, *arguments: str) -> str:
    """Return the output of git, which is empty in a folder outside every repository."""
    command = ("git", "-C", str(checkout), *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
