"""The SQL store, with one engine for SQLite and PostgreSQL, and its migrations.

The recorder, the API, the ledger and the reports use it. workers/store/tables.py declares the
tables, and workers/store/migrations/ makes them.
"""

import asyncio
import importlib.metadata
import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text

from runtime.health.faults import is_outage
from runtime.health.neighbour import Backoff, Neighbour
from runtime.postgres_connection import PatientConnection
from schemas.errors import ConfigError, Problem, Unavailable

ANSWER_LIMIT_S = 60.0
"""A statement of a stage without an answer within this time has failed, and its connection ends. No
batch or page takes a third of it, and the watchdog waits longer."""

_WAL_PAGES = 8000
"""SQLite moves the pages of its log into the file when there are so many: 32 MB of 4 KiB pages."""

_STATE_TABLE = "store_state"  # (name, value); `santral` is the version that migrated last
_NETWORK = {
    "connect_timeout": 4,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq's settings against a network that swallows packets; the url may set others."""


def engine(url: str, *, read_only: bool = False, answer_limit_s: float | None = None) -> Engine:
    """Return an engine; SQLite is set to WAL, so that readers and the writer never block each
    other.

    A statement on PostgreSQL fails after `answer_limit_s` without an answer; None waits for ever,
    as a command's long question needs.
    """
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    if not url.startswith("sqlite"):
        return _postgres(url, answer_limit_s)
    folder = Path(url.removeprefix("sqlite:///")).parent
    engine = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "do_connect")
    def _make_folder(*_: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def _tune(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # A lost last transaction comes again from Kafka: its offsets are in the same transaction.
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        # A batch changes most pages of the indexes. Moving a page after several batches saves I/O.
        cursor.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    return engine


def _postgres(url: str, answer_limit_s: float | None) -> Engine:
    created = create_engine(url, pool_pre_ping=True, pool_size=5, pool_timeout=5)

    @event.listens_for(created, "do_connect")
    def connect(
        _dialect: object, _record: object, words: tuple[str, ...], options: dict[str, Any]
    ) -> PatientConnection:
        connection = PatientConnection.connect(*words, **_NETWORK | options)
        connection.answer_limit_s = answer_limit_s
        return connection

    return created


def migrate(url: str, scripts: Path) -> None:
    """Bring the store to the newest revision.

    Raises Unavailable when the store fails to answer, and ConfigError when a newer version of
    Santral has migrated it.
    """
    store = engine(url)
    config = Config()
    config.set_main_option("script_location", str(scripts))
    try:
        with store.begin() as connection:
            if store.dialect.name == "postgresql":
                # Several processes start at once: one of them migrates, the others wait for it.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7263548)")
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            check_revision(connection, ScriptDirectory.from_config(config))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _note_version(connection)
    except Exception as error:
        if not is_outage(error):
            raise
        raise Unavailable(
            f"The store at {store.url!r} does not answer: {getattr(error, 'orig', None) or error}. "
            "Start it, or set `url` in [store]."
        ) from error
    finally:
        store.dispose()


async def migrate_when_up(url: str, scripts: Path, store: Neighbour) -> None:
    """Wait for the store, bring it to the newest revision, and begin to probe it."""
    pauses = Backoff()
    while True:
        try:
            await asyncio.to_thread(migrate, url, scripts)
        except Unavailable as error:
            store.failed(error.__cause__ or error)
            await asyncio.sleep(pauses.next())
            continue
        store.succeeded()
        store.start()
        return


def check_revision(connection: Connection, scripts: ScriptDirectory) -> None:
    """Raise ConfigError when the store has a revision that this version does not know."""
    known_revisions = {script.revision for script in scripts.walk_revisions()}
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None or revision in known_revisions:
        return
    needed = _read_version(connection)
    remedy = f"Start Santral {needed}" if needed else "Start the version that ran before"
    raise ConfigError(
        [
            Problem(
                f"the store has revision {revision} of its tables, and this version of Santral "
                f"({_version()}) knows them up to {scripts.get_current_head()}. {remedy} or newer, "
                "or restore the store from a backup of this version."
            )
        ]
    )


def _version() -> str:
    try:
        return importlib.metadata.version("santral")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _read_version(connection: Connection) -> str:
    if not inspect(connection).has_table(_STATE_TABLE):
        return ""
    query = text(f"SELECT value FROM {_STATE_TABLE} WHERE name = 'santral'")
    return str(connection.execute(query).scalar() or "")


def _note_version(connection: Connection) -> None:
    """Note which version migrated: an older one names it when it refuses to start."""
    version = _version()
    if _read_version(connection) == version:
        return
    statement = text(
        f"INSERT INTO {_STATE_TABLE} (name, value) VALUES ('santral', :version) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
    connection.execute(statement, {"version": version})
