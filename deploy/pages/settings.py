"""The reference of all settings, and the example file, from the fields' descriptions. Pure."""

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from deploy.pages.blocks import table
from deploy.pages.structs import Setting, plain, sentence, settings, toml
from runtime.settings.structs import CalendarSettings, ServiceLevelSettings, Settings
from schemas.routing.departments import DEFAULT, Department

_ACCOUNTS = {"channels", "actions"}
_NAMED: dict[str, type[msgspec.Struct]] = {
    "departments": Department,
    "calendars": CalendarSettings,
    "sla": ServiceLevelSettings,
}
"""The tables of which the file has several, each with a name of its own."""
_WIDTH = 96  # columns of the example file
_HEAD = """\
# Copy this file to santral.toml and uncomment the settings that you change. Each shows its default.
# `santral check` reads the file, tries the connections, and lists every mistake at once.
# Give secrets by environment: SANTRAL_TOKENS__DOOR sets `door` in [tokens].
# docs/settings.md has the same in tables.
"""


def reference() -> str:
    """Return a section with a table for each table of the settings file."""
    sections = [_section("Before the first table", _top())]
    for name, struct in tables().items():
        rows = list(settings(struct))
        sections.append(_section(f"`[{name}]`", rows, sentence(struct)))
    names = ", ".join(f"`{name}`" for name in DEFAULT)
    more = {"departments": f" `[departments]` replaces the default ones: {names}."}
    for name, struct in _NAMED.items():
        text = sentence(struct) + more.get(name, "")
        sections.append(_section(f"`[{name}.NAME]`", list(settings(struct)), text))
    return "\n\n".join(sections)


def table_of(name: str) -> str:
    """Return the table of one table of the settings file."""
    return _rows(settings(tables()[name]))


def tables() -> dict[str, type[msgspec.Struct]]:
    """Return the Struct of each table of the settings file, in its order."""
    kinds = {f.encode_name: plain(f.type) for f in msgspec.structs.fields(Settings)}
    return {
        name: kind
        for name, kind in kinds.items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
    }


def example(accounts: Path) -> str:
    """Return santral.example.toml; `accounts` is the file with its examples of accounts."""
    blocks = [_HEAD, _lines(_top())]
    for name, struct in tables().items():
        blocks.append(f"{_comment(sentence(struct))}\n[{name}]\n\n{_lines(settings(struct))}")
    blocks.append(accounts.read_text(encoding="utf-8"))
    return "\n\n".join(block.strip() for block in blocks) + "\n"


def _lines(rows: Iterable[Setting]) -> str:
    """Return each setting as a comment: its sentence, and its default."""
    return "\n".join(
        f"{_comment(row.meaning)}\n# {row.name} = {toml(row.value)}"
        for row in rows
        if not row.table
    )


def _comment(text: str) -> str:
    return "\n".join(textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# "))


def _top() -> list[Setting]:
    """Return the settings before the first table."""
    return [s for s in _own() if s.name not in _ACCOUNTS and s.name not in _NAMED]


def _own() -> Iterator[Setting]:
    names = {f.encode_name for f in msgspec.structs.fields(Settings)} - set(tables())
    return (s for s in settings(Settings) if s.name in names)


def _section(title: str, rows: list[Setting], text: str = "") -> str:
    return "\n\n".join(block for block in (f"## {title}", text, _rows(rows)) if block)


def _rows(rows: Iterable[Setting]) -> str:
    cells = ((f"`{s.name}`", s.cell, s.meaning) for s in rows)
    return table(("setting", "default", "meaning"), cells)
