"""Programs in strings, which tests and measurements run as processes: mypy does not read them.

Each compiles, and its imports from our packages exist. A text with an import at a line's beginning
is such a program.
"""

import ast
import re
import string
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

OURS = ("schemas", "runtime", "ingest", "router", "workers", "cli", "tests", "bench")
_IMPORT = re.compile(r"^(?:import|from) \w", re.MULTILINE)


def _programs() -> Iterator[tuple[str, str]]:
    """Yield the location and the text of each program."""
    for folder in ("tests", "bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__):
                for line, text in _texts(ast.parse(path.read_text())):
                    if _IMPORT.search(text):
                        yield f"{path.relative_to(ROOT)}:{line}", text


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the strings in some code, but for documentation, with `x` for each field."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.JoinedStr):
            pieces = (
                piece.value if isinstance(piece, ast.Constant) else "x" for piece in child.values
            )
            yield child.lineno, "".join(map(str, pieces))
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.lineno, child.value
        else:
            yield from _texts(child)


def _parse(program: str) -> ast.Module:
    """Parse a program; the fields of a template get a number."""
    try:
        return ast.parse(program)
    except SyntaxError:
        return ast.parse(string.Formatter().vformat(program, (), defaultdict(int)))


def missing_names(program: str) -> list[str]:
    """Return the imports of a program from our packages that name nothing."""
    missing = []
    for node in ast.walk(_parse(program)):
        if isinstance(node, ast.Import):
            pairs = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            pairs = [(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        missing += [
            f"{module} {name}".strip()
            for module, name in pairs
            if module.partition(".")[0] in OURS and not _exists(module, name)
        ]
    return missing


def _exists(module: str, name: str) -> bool:
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.exists():
        return False
    if not name or (path / f"{name}.py").exists() or (path / name).is_dir():
        return True
    return name in _defined_names(ast.parse(file.read_text()))


def _defined_names(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        else:
            stored = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            names |= {n.id for n in stored if isinstance(n.ctx, ast.Store)}
    return names


@pytest.mark.parametrize(
    "program", [pytest.param(text, id=location) for location, text in _programs()]
)
def test_a_program_in_a_string_compiles_and_its_imports_exist(program: str) -> None:
    assert missing_names(program) == []


def test_a_stale_name_and_a_stale_module_are_missing() -> None:
    program = "import runtime.absent\nfrom runtime.clock import SystemClock, Absent\nimport json"
    assert missing_names(program) == ["runtime.absent", "runtime.clock Absent"]
    template = "from runtime.clock import SystemClock\nprint({number}, {{}})"
    assert missing_names(template) == []
