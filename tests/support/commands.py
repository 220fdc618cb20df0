"""Commands of `santral`, each in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

from runtime.settings.structs import Settings
from tests.support.paths import ROOT

_IMPORT = re.compile(r"^import time:")
"""The beginning of a line that Python writes for each module with `-X importtime`."""


def run_command(here: Path, *words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder, with no setting but those of `environ`."""
    return _run([sys.executable, "-m", "cli.main", *words], here, environ)


def run_noting_imports(
    here: Path, *words: str, **environ: str
) -> tuple["subprocess.CompletedProcess[str]", set[str]]:
    """Run a command as `run_command` does, and return the packages that it imports, too."""
    command = [sys.executable, "-X", "importtime", "-m", "cli.main", *words]
    result = _run(command, here, environ)
    lines = result.stderr.splitlines()
    modules = {line.rpartition("|")[2].strip() for line in lines if _IMPORT.match(line)}
    result.stderr = "\n".join(line for line in lines if not _IMPORT.match(line))
    return result, {module.partition(".")[0] for module in modules}


def _run(
    command: list[str], here: Path, environ: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=here,
        capture_output=True,
        text=True,
        env={**_clean_environment(), "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
    )


def start_on_broker(settings: Settings, *words: str, **environ: str) -> "subprocess.Popen[str]":
    """Start a command on the broker of these settings, in a home below theirs."""
    return subprocess.Popen(
        [sys.executable, "-m", "cli.main", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={
            **_clean_environment(),
            "SANTRAL_HOME": f"{settings.home}/stage",
            "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            **environ,
        },
    )


def run_on_broker(
    settings: Settings, *words: str, **environ: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command on the broker of these settings to its end."""
    process = start_on_broker(settings, *words, **environ)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def stage_tokens() -> dict[str, str]:
    """Return settings of the environment with which every stage starts."""
    names = ("DOOR", "DESK", "CONSOLE", "SIGNING")
    return {f"SANTRAL_TOKENS__{name}": f"{name}_{'x' * 24}" for name in names}


def _clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("SANTRAL_")}
