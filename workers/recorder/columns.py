"""The columns of each table, their types in PostgreSQL, and values that fit into them. Pure."""

from sqlalchemy import BigInteger, Column, Float, Integer, Text

from workers.store.tables import METADATA

Value = str | int | float | None
Row = tuple[Value, ...]
"""The values of a row in the order of COLUMNS."""

COLUMNS: dict[str, tuple[str, ...]] = {
    "messages": (
        "id",
        "brand",
        "channel",
        "source",
        "conversation",
        "sender",
        "subject",
        "received_ms",
        "body",
    ),
    "arrivals": ("source", "position", "message"),
    "decisions": (
        "message",
        "hops",
        "conversation",
        "channel",
        "department",
        "intent",
        "language",
        "action",
        "priority",
        "confidence",
        "decided_ms",
        "body",
    ),
    "outcomes": ("id", "kind", "conversation", "item", "department", "agent", "at_ms", "body"),
    "dead": (
        "id",
        "attempt",
        "stage",
        "source",
        "code",
        "position",
        "message",
        "at_ms",
        "body",
    ),
    "incidents": ("id", "at_ms", "status", "brand", "body"),
    "incident_messages": ("incident", "message"),
    "handles": ("node", "message", "said_by", "brand", "conversation", "channel", "at_ms"),
    "links": ("id", "at_ms", "a", "b", "body"),
}
"""The columns of each table, in the order in which rows.py writes their values."""

TEXT, INTEGER, BIG_INTEGER, FLOAT = "text", "int4", "int8", "float8"
_TYPES = {Text: TEXT, Integer: INTEGER, BigInteger: BIG_INTEGER, Float: FLOAT}
"""The names of PostgreSQL's types."""

MAX_INTEGERS = {INTEGER: 2**31 - 1, BIG_INTEGER: 2**63 - 1}
"""The largest number of each type."""

_MAX_COLUMN_CHARS = 200
"""A text that the store refused is cut to this length; the body keeps it."""


def column_types(table: str) -> tuple[str, ...]:
    """Return PostgreSQL's types of a table's columns, in the order of COLUMNS."""
    columns = METADATA.tables[table].columns
    return tuple(_type_of(columns[name]) for name in COLUMNS[table])


def fit_row(table: str, row: Row) -> Row:
    """Return a row that every store takes; its last value, the body, stays unchanged."""
    *values, body = row
    fitted = (_fit(value, name) for value, name in zip(values, column_types(table), strict=False))
    return (*fitted, body)


def without_nul(value: str) -> str:
    """Return a text without NUL, which PostgreSQL refuses."""
    return value.replace("\x00", "")


def _type_of(column: Column[Value]) -> str:
    return _TYPES[type(column.type)]


def _fit(value: Value, type_name: str) -> Value:
    if isinstance(value, str):
        return without_nul(value.encode("utf-8", "replace").decode())[:_MAX_COLUMN_CHARS]
    limit = MAX_INTEGERS.get(type_name)
    if limit is None or not isinstance(value, int):
        return value
    return max(-limit, min(limit, value))
