"""The drawing at the top of schemas/errors.py names every error class, each under its parent."""

import ast
import re
from collections.abc import Iterator

from ingest.intake.media import MediaPending
from schemas import errors
from schemas.errors import Retry
from tests.support.paths import ROOT

_PACKAGES = ("schemas", "runtime", "ingest", "router", "workers", "cli")
_BUILT_IN = re.compile(r"\w*(Error|Exception)")


def drawn() -> dict[str, str]:
    """Return the parent of every class in the drawing."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for indent, name in re.findall(r"^([ │├└─]+─ )(\w+)", errors.__doc__ or "", re.MULTILINE):
        depth = 1 if len(indent) < 6 else 2
        path = [*(path[: depth - 1]), name]
        parents[name] = path[-2] if depth == 2 else "SantralError"
    return parents


def written() -> Iterator[tuple[str, str]]:
    """Yield each error class in the code with its first base."""
    parents = {"SantralError", *drawn()}
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and node.bases:
                    base = ast.unparse(node.bases[0]).rpartition(".")[2]
                    if base in parents or _BUILT_IN.fullmatch(base):
                        yield node.name, base


def test_the_drawing_has_every_error_under_its_parent() -> None:
    outside = {"_Refused", "_Late", "UnsafeMail"}
    assert all(name in (errors.__doc__ or "") for name in outside)
    tree = {name: base for name, base in written() if name not in outside}
    assert tree.pop("SantralError") == "Exception"
    assert tree == drawn()


def test_pending_media_is_not_an_outage() -> None:
    assert not issubclass(MediaPending, Retry)


def test_every_delay_of_a_retry_has_a_name() -> None:
    for package in _PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) == "Retry":
                    number = isinstance(node.args[0], ast.Constant) and node.args[0].value
                    assert not number, f"{path}:{node.lineno}: name the delay (schemas/delays.py)"
