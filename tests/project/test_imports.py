"""No test imports a test: what several share is in tests/support."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.support.paths import ROOT


def _imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_test_imports_a_test_or_the_fixtures() -> None:
    importing = {
        str(path.relative_to(ROOT)): module
        for folder in ("tests", "bench")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for module in _imported_modules(path)
        if module.startswith("tests.")
        and any(name.startswith("test_") or name == "conftest" for name in module.split("."))
    }
    assert importing == {}
