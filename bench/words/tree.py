"""The files of a checkout that must keep the words.

`findings` checks a file, and `paths` lists the files that are checked.
"""

import ast
import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from bench.words import markdown, python_text
from bench.words.finding import Finding
from bench.words.names import name_findings
from bench.words.prose import prose_findings

_PAGES = ("README.md", "CONTRIBUTING.md", "docs/")
_NOT_OURS = {"__pycache__", "build", "dist", "node_modules"}


def findings(root: Path, path: str) -> Iterator[Finding]:
    """Yield the findings of a file as they are found, so that a caller can stop at the first."""
    source = (root / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        texts = markdown.passages(source)
    else:
        nodes = list(ast.walk(ast.parse(source)))
        yield from name_findings(PurePath(path), nodes)
        texts = python_text.passages(source, nodes)
    for passage in texts:
        yield from prose_findings(passage)


def paths(root: Path) -> list[str]:
    """Return the files of a checkout that must keep the words, sorted."""
    files: list[str] = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in _NOT_OURS and not f.startswith((".", "var"))]
        relative = Path(folder).relative_to(root)
        files += [(relative / name).as_posix() for name in names]
    return sorted(path for path in files if _is_checked(path))


def _is_checked(path: str) -> bool:
    if path.endswith(".md"):
        return path.startswith(_PAGES)
    return path.endswith(".py") and "/" in path and not path.startswith("tests/data/")
