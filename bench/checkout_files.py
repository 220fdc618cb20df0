"""Writes a store, records of every topic and an archive, and reads them again.

`python -m bench.checkout_files write FOLDER` runs in one checkout and `read FOLDER` in another, so each
uses its own code. All content comes from a seed. Reading fails with the first difference.
"""

import argparse
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec import inspect
from sqlalchemy import Engine, select

from runtime.archive.folder_archive import PACKED_BYTES, FolderArchive
from runtime.store import engine, migrate
from schemas import envelope, topics
from schemas.base import Record
from schemas.message import Raw
from workers.recorder.sql import write_records
from workers.run import MIGRATIONS
from workers.store.tables import METADATA

SEED = 20261127
RECORDS_PER_TOPIC = 40
ARCHIVED = 30
_RECORDED = (
    topics.MESSAGES,
    topics.DECISIONS,
    topics.OUTCOMES,
    topics.DEAD,
    topics.INCIDENTS,
    topics.LINKS,
)
_START = datetime(2026, 1, 1, tzinfo=UTC)
_TEXTS = (
    "Faturam yanlış",
    "I/ı İ/i ğüşöç",
    "line\nbreak",
    "a 'quote' and \"two\"",
    "😀 \u2028 end",
)
_PATTERNED = ("name", "ada@ornek.example", "+905321112233", "text/plain", "email:a@b.example")


def write(folder: Path) -> None:
    """Write everything into an empty folder."""
    random = Random(SEED)
    records = {topic.name: _make_records(random, topic.struct) for topic in _all_topics()}
    for name, values in records.items():
        path = folder / "records" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\n".join(values) + b"\n")
    database = engine(_url(folder))
    migrate(_url(folder), MIGRATIONS)
    for topic in _RECORDED:
        batch = [(topic.name, 0, offset, v) for offset, v in enumerate(records[topic.name])]
        write_records(database, batch)
    (folder / "rows.json").write_text(json.dumps(_read_rows(database)), encoding="utf-8")
    database.dispose()
    archive = FolderArchive(folder / "archive")
    sizes = [random.choice((0, 9, 1000, PACKED_BYTES + 1)) for _ in range(ARCHIVED)]
    raws = [archive.put(random.randbytes(size)) for size in sizes]
    archive.close()
    (folder / "archive.jsonl").write_bytes(b"\n".join(msgspec.json.encode(raw) for raw in raws))


def read(folder: Path) -> dict[str, int]:
    """Return the counts of records, rows and deliveries; raise ValueError for a difference."""
    counts: dict[str, int] = {}
    structs = {topic.name: topic.struct for topic in _all_topics()}
    for path in sorted((folder / "records").iterdir()):
        for line in path.read_bytes().splitlines():
            record = envelope.decode(structs[path.name], line)
            _check_contains(json.loads(envelope.encode(record)), json.loads(line), path.name)
            counts["records"] = counts.get("records", 0) + 1
    migrate(_url(folder), MIGRATIONS)
    database = engine(_url(folder))
    rows = _read_rows(database)
    database.dispose()
    for table, expected in json.loads((folder / "rows.json").read_text(encoding="utf-8")).items():
        _check_contains(rows[table], expected, table)
        counts["rows"] = counts.get("rows", 0) + len(expected)
    archive = FolderArchive(folder / "archive")
    for line in (folder / "archive.jsonl").read_bytes().splitlines():
        raw = msgspec.json.decode(line, type=Raw)
        data = archive.read(raw)
        if data is None or len(data) != raw.size:
            raise ValueError(f"archive: {archive.explain_missing(raw)}")
        counts["deliveries"] = counts.get("deliveries", 0) + 1
    archive.close()
    return counts


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'store.db'}"


def _all_topics() -> tuple[Any, ...]:
    return topics.all_topics(("billing",))


def _read_rows(database: Engine) -> dict[str, list[dict[str, str]]]:
    """Return every row of every table, as text, in a fixed order."""
    with database.connect() as connection:
        return {
            table.name: sorted(
                (
                    {column: str(value) for column, value in row.items()}
                    for row in connection.execute(select(table)).mappings()
                ),
                key=lambda row: sorted(row.items()),
            )
            for table in METADATA.sorted_tables
        }


def _check_contains(value: Any, expected: Any, where: str) -> None:
    """Raise ValueError unless `value` has all of `expected`; it may have more fields."""
    if isinstance(expected, dict) and isinstance(value, dict):
        for key, inner in expected.items():
            _check_contains(value.get(key), inner, f"{where}.{key}")
    elif isinstance(expected, list) and isinstance(value, list) and len(value) == len(expected):
        for index, (mine, inner) in enumerate(zip(value, expected, strict=True)):
            _check_contains(mine, inner, f"{where}[{index}]")
    elif value != expected:
        raise ValueError(f"{where}: {value!r} instead of {expected!r}")


def _make_records(random: Random, struct: type[Record]) -> list[bytes]:
    """Return the JSON of different records of a Struct, each of which its own code reads."""
    kind = inspect.type_info(struct)
    values = (_make_value(random, kind, 0) for _ in range(RECORDS_PER_TOPIC))
    records = (msgspec.convert(value, struct) for value in values)
    return [envelope.encode(record) for record in records]


def _make_value(random: Random, kind: inspect.Type, depth: int) -> Any:
    """Return a value of a type; deep ones are short, so that no record is over its limit."""
    match kind:
        case inspect.StructType(fields=fields):
            return dict(_make_fields(random, fields, depth + 1))
        case inspect.UnionType(types=types):
            return _make_value(random, random.choice(types), depth)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return [_make_value(random, item, depth + 1) for _ in range(random.randrange(3))]
        case inspect.TupleType(item_types=items):
            return [_make_value(random, item, depth + 1) for item in items]
        case inspect.DictType(key_type=key, value_type=value):
            return {
                _make_value(random, key, depth): _make_value(random, value, depth + 1)
                for _ in range(random.randrange(3))
            }
        case inspect.LiteralType(values=values):
            return random.choice(values)
        case inspect.Metadata(type=inner):
            return _make_value(random, inner, depth)
        case _:
            return _make_scalar(random, kind)


def _make_fields(
    random: Random, fields: tuple[inspect.Field, ...], depth: int
) -> Iterator[tuple[str, Any]]:
    for field in fields:
        if field.required or random.random() < 0.7:
            yield field.encode_name, _make_value(random, field.type, depth)


def _make_scalar(random: Random, kind: inspect.Type) -> Any:
    match kind:
        case inspect.StrType(pattern=str(pattern)):
            return next(text for text in _PATTERNED if re.search(pattern, text))
        case inspect.StrType():
            return f"{random.choice(_TEXTS)} {random.getrandbits(64):x}"
        case inspect.IntType(ge=low, le=high):
            return random.randint(low or 0, high if high is not None else (low or 0) + 1000)
        case inspect.FloatType(ge=low, le=high):
            return round(random.uniform(low or 0.0, 1.0 if high is None else high), 6)
        case inspect.BytesType():
            return random.randbytes(8)
        case inspect.BoolType():
            return random.random() < 0.5
        case inspect.DateTimeType():
            return _START + timedelta(microseconds=random.randrange(10**13))
        case inspect.NoneType():
            return None
        case _:
            raise TypeError(f"no value for {kind}")


def main() -> None:
    """Write, or read and print the counts as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("write", "read"))
    parser.add_argument("folder", type=Path, help="an empty folder to write, a full one to read")
    arguments = parser.parse_args()
    if arguments.command == "write":
        write(arguments.folder)
        return
    try:
        print(json.dumps(read(arguments.folder)))
    except ValueError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
