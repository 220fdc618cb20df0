"""Reads a pack from its folder of TOML files, with every mistake reported at once.

The words of the default pack were written for this project; the head of each file says so.
"""

import tomllib
from pathlib import Path

import msgspec

from router.text.pack_compiler import compile_pack
from router.text.rule import Rule
from router.text.rules import Pack
from schemas.base import Record
from schemas.errors import ConfigError, Problem

PACKS = Path(__file__).parent.parent / "packs"
"""The folder of the packs that come with the router."""


class _PackFile(Record, frozen=True, kw_only=True, forbid_unknown_fields=True):
    department: str | None = None
    owner: str = ""
    rule: tuple[dict[str, object], ...] = ()


class _StrictRule(Rule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule without unknown keys, because a mistyped `nome` would switch a condition off."""


def read_pack(folder: Path) -> Pack:
    """Read a pack's *.toml files; raise ConfigError with file, rule and remedy of every mistake."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise ConfigError([Problem(f"{folder}: no rules there. Give a folder with *.toml files.")])
    problems: list[Problem] = []
    rules: list[Rule] = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
            file = msgspec.convert(tomllib.loads(text), _PackFile)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            problems.append(Problem(f"{path}: {error}"))
            continue
        for index, table in enumerate(file.rule):
            defaults: dict[str, object] = {"department": file.department, "owner": file.owner}
            try:
                rules.append(msgspec.convert(defaults | table, _StrictRule))
            except msgspec.ValidationError as error:
                problems.append(Problem(f"{path}: rule {table.get('id', index)!r}: {error}"))
    try:
        pack = compile_pack(folder.name, rules)
    except ConfigError as error:
        raise ConfigError(problems + [Problem(f"{folder}: {p}") for p in error.problems]) from error
    if problems:
        raise ConfigError(problems)
    return pack
