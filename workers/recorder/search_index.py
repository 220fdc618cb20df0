"""The search index of the store: written with the messages, and rebuilt when it is old.

The recorder empties an index with old rules or an old key at once. It fills it again from the
store, one slice at a time between its batches. Each slice is a transaction, so that a crash or a
second recorder does nothing twice.
"""

import json
from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Engine, Row, text

from runtime.health.faults import guard
from runtime.log import get
from schemas.message import Message
from workers.recorder.columns import TEXT
from workers.recorder.postgres_copy import BYTES, copy_into_staging, copy_new_rows
from workers.recorder.text_vector import vector_of
from workers.store.search_terms import key_name, words_of

log = get(__name__)

RULES = "2"
"""The version of the index's rules; a new number makes the recorder index every message again."""
_SLICE_MESSAGES = 500
"""The messages of one transaction, short enough not to hold up a batch."""

Words = tuple[str, str]
"""The id of a message, and its words in one line."""
_MessageRow = Row[str, str, str]
"""The id, the sender and the body of a message."""
_decoder = msgspec.json.Decoder(Message)


def write_words(connection: Connection, words: Sequence[Words]) -> None:
    """Index messages that the store has, given as pairs of id and words."""
    if not words:
        return
    if connection.dialect.name == "sqlite":
        # With known row numbers an insert costs a fifth of one that looks each up.
        rows = connection.exec_driver_sql(
            "SELECT id, rowid FROM messages WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps([identifier for identifier, _ in words]),),
        )
        number = {str(row[0]): int(row[1]) for row in rows}
        connection.exec_driver_sql(
            "INSERT OR REPLACE INTO messages_text(rowid, words) VALUES (?, ?)",
            [(number[identifier], line) for identifier, line in words],
        )
        return
    vectors, others = [], []
    for identifier, line in words:
        vector = vector_of(line)
        if vector is None:
            others.append((identifier, line))
        else:
            vectors.append((identifier, vector))
    target = "messages_text (message, words)"
    if vectors and not copy_new_rows(connection, target, (TEXT, BYTES), vectors):
        others = list(words)
    if others:
        _index_on_server(connection, others)


def _index_on_server(connection: Connection, words: Sequence[Words]) -> None:
    """Index messages of which the index may have some, with PostgreSQL's own parser."""
    connection.exec_driver_sql(
        "CREATE TEMP TABLE IF NOT EXISTS new_words (message text, words text) ON COMMIT DELETE ROWS"
    )
    copy_into_staging(connection, "new_words (message, words)", (TEXT, TEXT), words)
    connection.exec_driver_sql(
        "INSERT INTO messages_text (message, words) "
        "SELECT message, to_tsvector('simple', words) FROM new_words "
        "ON CONFLICT (message) DO UPDATE SET words = excluded.words"
    )


class IndexRebuild:
    """Fills an old index again; `pending` says whether messages are left."""

    def __init__(self, engine: Engine, key: bytes) -> None:
        self._engine, self._key = engine, key
        self.pending = False

    def begin(self) -> None:
        """Empty an index with old rules or an old key, and load the position of the refill."""
        maker = f"{RULES}.{key_name(self._key)}"
        with self._engine.begin() as connection:
            if _state(connection, "made_by") != maker:
                connection.exec_driver_sql("DELETE FROM messages_text")
                _set_state(connection, "made_by", maker)
                _set_state(connection, "filled_to", "")
            self.pending = _state(connection, "filled_to") is not None
        if self.pending:
            log.info("search.rebuilding")

    def step(self) -> bool:
        """Index the next messages; return whether there are more."""
        with self._engine.begin() as connection:
            progress = _state(connection, "filled_to")
            rows = [] if progress is None else _next_messages(connection, progress)
            write_words(connection, self._words(rows))
            last = rows[-1][0] if len(rows) == _SLICE_MESSAGES else None
            if progress is not None and not _move_state(connection, "filled_to", progress, last):
                connection.rollback()  # another recorder did this slice
                return True
        if last is None:
            self.pending = False
            log.info("search.rebuilt")
        return self.pending

    def _words(self, rows: Sequence[_MessageRow]) -> list[Words]:
        """Return the words by message; a message that meets a fault of ours can't be searched."""
        words = []
        for identifier, sender, body in rows:
            with guard(log, "search", message=identifier):
                words.append((identifier, words_of(_decoder.decode(body), sender, self._key)))
        return words


def _next_messages(connection: Connection, after: str) -> Sequence[_MessageRow]:
    rows = connection.execute(
        text("SELECT id, sender, body FROM messages WHERE id > :after ORDER BY id LIMIT :n"),
        {"after": after, "n": _SLICE_MESSAGES},
    )
    return rows.all()


def _state(connection: Connection, name: str) -> str | None:
    row = connection.execute(
        text("SELECT value FROM search_state WHERE name = :name"), {"name": name}
    ).first()
    return None if row is None else str(row[0])


def _set_state(connection: Connection, name: str, value: str) -> None:
    connection.execute(
        text(
            "INSERT INTO search_state (name, value) VALUES (:name, :value) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ),
        {"name": name, "value": value},
    )


def _move_state(connection: Connection, name: str, before: str, after: str | None) -> bool:
    """Replace a state, or end it with None; return False when another recorder changed it."""
    change = (
        "DELETE FROM search_state" if after is None else "UPDATE search_state SET value = :after"
    )
    done = connection.execute(
        text(f"{change} WHERE name = :name AND value = :before"),
        {"name": name, "before": before, "after": after},
    )
    return bool(done.rowcount)
