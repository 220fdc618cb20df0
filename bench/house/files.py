"""The Python files of a checkout, as the formatter lays them out without exceptions."""

import ast
import io
import re
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from bench.words.tree import paths

Area = Literal["production", "tests", "bench, deploy"]
AREAS: tuple[Area, ...] = ("production", "tests", "bench, deploy")
_EXCEPTION = re.compile(r"# fmt: (?:skip|off|on)\b")


@dataclass(frozen=True)
class PythonFile:
    """One file: its text as committed, and as formatted without `fmt: skip`."""

    path: str
    source: str
    formatted: str

    @property
    def area(self) -> Area:
        """Return to which of the three areas the file belongs."""
        match self.path.partition("/")[0]:
            case "tests":
                return "tests"
            case "bench" | "deploy":
                return "bench, deploy"
            case _:
                return "production"

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Return every node of the formatted file."""
        return list(ast.walk(ast.parse(self.formatted)))


def without_exceptions(source: str) -> str:
    """Return the source without its comments to the formatter; strings keep such words."""
    lines = source.splitlines(keepends=True)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and _EXCEPTION.match(token.string):
            row, column = token.start
            rest = lines[row - 1][token.end[1] :]
            lines[row - 1] = lines[row - 1][:column].rstrip() + rest
    return "".join(lines)


def python_files(root: Path) -> list[PythonFile]:
    """Return the files of a checkout, sorted by path."""
    sources = {
        path: (root / path).read_text(encoding="utf-8")
        for path in paths(root)
        if path.endswith(".py")
    }
    with tempfile.TemporaryDirectory() as folder:
        for path, source in sources.items():
            copy = Path(folder, path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(without_exceptions(source), encoding="utf-8")
        config = root / "pyproject.toml"
        command = [sys.executable, "-m", "ruff", "format", "--quiet", "--no-cache", folder]
        subprocess.run([*command, "--config", str(config)], check=True)
        return [
            PythonFile(path, source, Path(folder, path).read_text(encoding="utf-8"))
            for path, source in sources.items()
        ]


@contextmanager
def checkout(folder_or_revision: str) -> Iterator[Path]:
    """Yield the folder itself, or the files of a revision of git in a temporary folder.

    Exits with a sentence when there is neither, or when the folder is not a checkout.
    """
    if Path(folder_or_revision).is_dir():
        if not Path(folder_or_revision, "pyproject.toml").is_file():
            raise SystemExit(
                f"the folder {folder_or_revision} has no pyproject.toml to format with"
            )
        yield Path(folder_or_revision)
        return
    commit = _commit(folder_or_revision)
    with tempfile.TemporaryDirectory() as folder:
        archive = ["git", "archive", commit]
        with subprocess.Popen(archive, stdout=subprocess.PIPE) as git:
            subprocess.run(["tar", "-x", "-C", folder], stdin=git.stdout, check=True)
        if git.returncode:
            raise SystemExit(f"git can't write the files of {folder_or_revision!r}")
        yield Path(folder)


def _commit(revision: str) -> str:
    """Return the hash of a revision, or exit when git does not know it."""
    command = [
        "git",
        "rev-parse",
        "--quiet",
        "--verify",
        "--end-of-options",
        f"{revision}^{{commit}}",
    ]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(f"{revision!r} is neither a folder nor a revision of git")
    return answer.stdout.strip()
