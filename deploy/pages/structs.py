"""The settings of a Struct as rows of a table: name, default, meaning. Pure."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, get_args, get_origin

import msgspec

_MIB = 1024 * 1024
_UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: its path below its table, its type, its default value, and its sentence.

    `value` is None without a default. `table` marks a nested table, which has no value of its own.
    """

    name: str
    kind: object
    value: object
    meaning: str
    table: bool = False

    @property
    def default(self) -> str:
        """The default as TOML writes it; empty without one, or for an empty one."""
        return "" if self.value in (None, "", (), {}) else toml(self.value)

    @property
    def cell(self) -> str:
        """The default for a table, with the size of many bytes."""
        text = f"`{self.default}`" if self.default else ""
        size = self.value if isinstance(self.value, int) else 0
        return f"{text} ({size // _MIB} MiB)" if size >= _MIB and size % _MIB == 0 else text


def settings(struct: type[msgspec.Struct], above: str = "") -> Iterator[Setting]:
    """Yield the settings of a Struct; those of a nested table follow their table's own row."""
    for field in msgspec.structs.fields(struct):
        kind, meaning = plain(field.type), description(field.type)
        name = above + field.encode_name
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            meaning = meaning or sentence(kind)
            yield Setting(name=name, kind=kind, value=None, meaning=meaning, table=True)
            yield from settings(kind, f"{name}.")
        else:
            yield Setting(name=name, kind=kind, value=default(field), meaning=meaning)


def plain(kind: object) -> object:
    """Return a type without its annotations."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def description(kind: object) -> str:
    """Return the description in a type's annotations, empty where there is none."""
    notes = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    texts = [note.description for note in notes if isinstance(note, msgspec.Meta)]
    return next((text for text in texts if text), "")


def sentence(struct: type[msgspec.Struct]) -> str:
    """Return the docstring of a Struct in one line."""
    return " ".join((inspect.getdoc(struct) or "").split())


def default(field: msgspec.structs.FieldInfo) -> object:
    """Return a field's default value, None without one."""
    if field.default is not msgspec.NODEFAULT:
        return field.default
    return None if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def toml(value: object) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return f'"{duration(value)}"'
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return (
            "{}"
            if not value
            else f"{{ {', '.join(f'{k} = {toml(v)}' for k, v in value.items())} }}"
        )
    return f"{value:g}" if isinstance(value, float) else str(value)


def duration(value: timedelta) -> str:
    """Return a time with its unit, such as 90s, 5m, 4h or 2d."""
    seconds = value.total_seconds()
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size:g}{unit}"
    return f"{seconds:g}s"
