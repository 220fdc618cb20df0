"""The pages name files, headings, functions and settings that exist."""

import ast
import functools
import re
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import create_engine, text

from deploy.pages.settings import tables
from deploy.pages.structs import Setting, settings
from runtime.settings.load import load
from runtime.settings.structs import Settings
from schemas.routing.departments import Department
from tests.support.paths import ROOT
from tests.support.project.examples import DocsExample, examples, pages
from workers.store.tables import METADATA

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_PATH = re.compile(
    r"`((?:schemas|ingest|router|workers|runtime|cli|tests|bench|deploy|docs)/[\w./-]*)`"
)
_FUNCTION_ROW = re.compile(
    r"^\|[^|]*\|([^|]*)\| \[[^\]]*\]\(\.\./([\w./]+\.py)\) \|$", re.MULTILINE
)
_PLACEHOLDERS = ("NAME", "CHANNEL", "DEPARTMENT", "/x")
_CALLED_BY_LIBRARIES = {"Receiver.handle_DATA"}  # aiosmtpd calls it by its name
EXAMPLE = ROOT / "santral.example.toml"


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http", "mailto:")):
            continue
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if heading:
            assert heading in _headings(target), link


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_path_in_a_page_exists(page: Path) -> None:
    paths = _PATH.findall(page.read_text(encoding="utf-8"))
    missing = [
        path
        for path in paths
        if not any(word in path for word in _PLACEHOLDERS) and not (ROOT / path).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_target_of_make_and_a_module_in_a_page_exist(page: Path) -> None:
    content = page.read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([a-z][a-z-]*)", content)) <= set(targets)
    for module in re.findall(r"`python -m ((?:bench|deploy|schemas|cli)[\w.]*)", content):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def _steps() -> list[tuple[str, str]]:
    """Return the path and the name of each function in the architecture's way of a message."""
    rows = _FUNCTION_ROW.findall((ROOT / "docs/architecture.md").read_text(encoding="utf-8"))
    return [(path, name) for cell, path in rows for name in re.findall(r"`([\w.]+)`", cell)]


@pytest.mark.parametrize(("path", "name"), _steps())
def test_the_architecture_names_functions_of_their_files(path: str, name: str) -> None:
    assert name in _functions(ROOT / path)


@pytest.mark.parametrize(("path", "name"), _steps())
def test_the_architecture_names_functions_that_production_uses(path: str, name: str) -> None:
    assert name in _CALLED_BY_LIBRARIES or _is_used(path, name)


def test_the_architecture_has_the_steps_of_a_mail() -> None:
    assert len(_steps()) > 15


def test_a_function_that_only_tests_use_is_no_step() -> None:
    assert not _is_used("tests/project/docs/test_pages.py", "_is_used")
    assert not _is_used("ingest/door/lmtp.py", "Receiver.handle_DATA")


def _is_used(path: str, name: str) -> bool:
    """Return whether production code loads a method by name, or a function from its own module."""
    owner, _, last = name.rpartition(".")
    module = path.removesuffix(".py").replace("/", ".")
    for other in _production():
        loads, imports = _names_of(other)
        if owner:
            used = f".{last}" in loads
        elif other == ROOT / path:
            used = last in loads
        else:
            used = f"{module}.{last}" in imports or (
                module in imports and f"{module.rpartition('.')[2]}.{last}" in loads
            )
        if used:
            return True
    return False


@functools.cache
def _production() -> tuple[Path, ...]:
    folders = ("schemas", "runtime", "ingest", "router", "workers", "cli")
    return tuple(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@functools.cache
def _names_of(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names that a file loads (`f`, `.f` of any object, `x.f`), and its imports."""
    loads, imports = set[str](), set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            loads.add(f".{node.attr}")
            if isinstance(node.value, ast.Name):
                loads.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Name):
            loads.add(node.id)
        elif isinstance(node, ast.ImportFrom):
            imports |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(loads), frozenset(imports)


def test_contributing_names_classes_of_the_code() -> None:
    content = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = ("schemas", "runtime", "ingest", "workers", "tests/support")
    code = "\n".join(p.read_text() for folder in folders for p in (ROOT / folder).rglob("*.py"))
    classes = set(re.findall(r"^class (\w+)", code, re.MULTILINE))
    named = set(re.findall(r"`([A-Z][a-z]\w+)(?:\.\w+|\([^`]*\))?`", content))
    assert named
    assert named <= classes


def _functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}.{method.name}" for method in node.body if isinstance(method, kinds)
            }
    return names


@pytest.mark.parametrize("table", ["", "departments", *tables()])
def test_each_setting_has_a_sentence(table: str) -> None:
    struct = {"": Settings, "departments": Department}.get(table) or tables()[table]
    assert [s.name for s in _own(struct) if not re.fullmatch(r"[A-Z].*\.", s.meaning)] == []


def _own(struct: type[msgspec.Struct]) -> list[Setting]:
    return [
        s
        for s in settings(struct)
        if struct is not Settings or s.name.split(".")[0] not in tables()
    ]


def test_the_example_file_uncommented_loads_as_the_defaults(tmp_path: Path) -> None:
    tables_part = EXAMPLE.read_text(encoding="utf-8").partition("# The accounts")[0]
    path = tmp_path / "santral.toml"
    path.write_text(re.sub(r"^# (?=[a-z_.]+ = )", "", tables_part, flags=re.MULTILINE))
    assert path.read_text().count(" = ") > 100
    assert load(path, {}) == Settings()


@pytest.mark.parametrize("example", examples("sql"), ids=lambda example: example.location)
def test_an_sql_example_fits_the_tables(example: DocsExample) -> None:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.connect() as connection:
        connection.execute(text(example.text))
