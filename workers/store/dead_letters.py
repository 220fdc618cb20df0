"""Dead letters: listed, shown with their bytes, and sent through again.

Before: dead.v1, recorded in the store; the archive has the bytes. After: `santral dead`. What is
re-driven goes the way it came: a Kafka record to its topic, a delivery to its channel's door. Ids
are deterministic, so a re-drive of something that did get through changes nothing.
"""

import msgspec
from sqlalchemy import Connection, Engine, text

from schemas.dead_letter import DeadLetter
from schemas.errors import Unavailable


def letters(engine: Engine, limit: int = 100, code: str | None = None) -> list[DeadLetter]:
    """Return the newest dead letters, one a thing: its last attempt."""
    where = "WHERE code = :code " if code else ""
    with engine.connect() as connection:
        return _read(
            connection,
            f"SELECT body FROM dead d {where}{'AND' if code else 'WHERE'} attempt = "
            "(SELECT max(attempt) FROM dead WHERE id = d.id) ORDER BY at_ms DESC LIMIT :n",
            {"code": code, "n": limit},
        )


def letter(engine: Engine, identifier: str) -> DeadLetter:
    """Return the newest letter with that id, or the one it is the beginning of."""
    with engine.connect() as connection:
        found = _read(
            connection,
            "SELECT body FROM dead WHERE id LIKE :id ORDER BY attempt DESC LIMIT 2",
            {"id": f"{identifier.replace('%', '').replace('_', '')}%"},
        )
    if not found:
        raise Unavailable(f"no dead letter {identifier!r}: see `santral dead list`")
    if len({f.id for f in found}) > 1:
        raise Unavailable(f"{identifier!r} fits several dead letters: give more of the id")
    return found[0]


def _read(connection: Connection, sql: str, values: dict[str, object]) -> list[DeadLetter]:
    decoder = msgspec.json.Decoder(DeadLetter)
    return [decoder.decode(row[0]) for row in connection.execute(text(sql), values)]
