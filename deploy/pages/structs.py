"""The settings of a Struct as rows of a table: name, default, meaning. Pure."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, get_args, get_origin

import msgspec

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: its path below its table, its type, its default as TOML, and its sentence.

    `table` marks a nested table, which has no value of its own.
    """

    name: str
    kind: Any
    default: str
    meaning: str
    table: bool = False


def settings(struct: type[msgspec.Struct], above: str = "") -> Iterator[Setting]:
    """Yield the settings of a Struct; those of a nested table follow their table's own row."""
    for field in msgspec.structs.fields(struct):
        kind, meaning = plain(field.type), description(field.type)
        name = above + field.encode_name
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            meaning = meaning or sentence(kind)
            yield Setting(name=name, kind=kind, default="", meaning=meaning, table=True)
            yield from settings(kind, f"{name}.")
        else:
            yield Setting(name=name, kind=kind, default=default(field), meaning=meaning)


def plain(kind: Any) -> Any:
    """Return a type without its annotations."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def description(kind: Any) -> str:
    """Return the description in a type's annotations, empty where there is none."""
    notes = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    texts = [note.description for note in notes if isinstance(note, msgspec.Meta)]
    return next((text for text in texts if text), "")


def sentence(struct: type[msgspec.Struct]) -> str:
    """Return the docstring of a Struct in one line."""
    return " ".join((inspect.getdoc(struct) or "").split())


def default(field: msgspec.structs.FieldInfo) -> str:
    """Return a field's default as TOML writes it; empty without one, or for an empty one."""
    value = field.default
    if value is msgspec.NODEFAULT or value is None or value in ("", (), {}):
        return ""
    return toml(value)


def toml(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return f'"{duration(value)}"'
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(value: timedelta) -> str:
    """Return a time with its unit, such as 90s, 5m, 4h or 2d."""
    seconds = value.total_seconds()
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g}{unit}"
    return f"{seconds:g}s"
