"""The dead letters in the store, for `santral dead`.

A dead letter that is sent again returns to its topic or to its channel's door. Ids are
deterministic, so a record that arrived already changes nothing.
"""

import msgspec
from sqlalchemy import Connection, Engine, text

from schemas.dead_letter import DeadLetter
from schemas.errors import Unavailable


def letters(engine: Engine, limit: int = 100, code: str | None = None) -> list[DeadLetter]:
    """Return the newest dead letters, the last attempt of each."""
    where = "WHERE code = :code " if code else ""
    with engine.connect() as connection:
        return _read(
            connection,
            f"SELECT body FROM dead d {where}{'AND' if code else 'WHERE'} attempt = "
            "(SELECT max(attempt) FROM dead WHERE id = d.id) ORDER BY at_ms DESC LIMIT :n",
            {"code": code, "n": limit},
        )


def letter(engine: Engine, identifier: str) -> DeadLetter:
    """Return the newest letter with that id, or with an id that begins so."""
    with engine.connect() as connection:
        matches = _read(
            connection,
            "SELECT body FROM dead WHERE id LIKE :id ORDER BY attempt DESC LIMIT 2",
            {"id": f"{identifier.replace('%', '').replace('_', '')}%"},
        )
    if not matches:
        raise Unavailable(f"no dead letter {identifier!r}: see `santral dead list`")
    if len({match.id for match in matches}) > 1:
        raise Unavailable(f"{identifier!r} fits several dead letters: give more of the id")
    return matches[0]


def _read(connection: Connection, sql: str, values: dict[str, object]) -> list[DeadLetter]:
    decoder = msgspec.json.Decoder(DeadLetter)
    return [decoder.decode(row[0]) for row in connection.execute(text(sql), values)]
