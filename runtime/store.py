"""The SQL store: one engine for SQLite and PostgreSQL, and its migrations.

Before: settings. After: recorder, read API, ledger and reports. Which tables there are is not
known here: they are declared in workers/tables.py and made by workers/migrations/.
"""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from schemas.errors import ConfigError, Problem, Unavailable


def engine(url: str, *, read_only: bool = False) -> Engine:
    """Return an engine; SQLite is set to WAL, so that readers never stand in the writer's way."""
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=5)
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(made, "connect")
    def _tune(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # A lost last transaction comes again from Kafka: its offsets are in the same transaction.
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-16000")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    return made


def migrate(url: str, scripts: Path) -> None:
    """Bring the store to the newest revision.

    Raises Unavailable when it does not answer, ConfigError when a newer Santral wrote it.
    """
    made = engine(url)
    config = Config()
    config.set_main_option("script_location", str(scripts))
    try:
        with made.begin() as connection:
            if made.dialect.name == "postgresql":
                # Several processes start at once: one of them migrates, the others wait for it.
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7263548)")
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise ConfigError(
            [
                Problem(
                    f"The store at {made.url!r} has tables of another version of Santral "
                    f"({error}). Start the version that wrote it last, or restore an older backup."
                )
            ]
        ) from error
    except OperationalError as error:
        raise Unavailable(
            f"The store at {made.url!r} does not answer: {error.orig}. Start it, or set `url` in "
            "[store]."
        ) from error
    finally:
        made.dispose()
