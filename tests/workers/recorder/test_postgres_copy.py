"""Rows are copied straight into a table of PostgreSQL, or not at all."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, Engine, text

from runtime.health.faults import is_outage
from workers.recorder.columns import COLUMNS, Row, column_types
from workers.recorder.postgres_copy import copy_into_staging, copy_new_rows

TARGET, TYPES = f"dead ({', '.join(COLUMNS['dead'])})", column_types("dead")


def _letter(identifier: str, attempt: int = 0, code: str = "mime.empty", at_ms: int = 7) -> Row:
    return (identifier, attempt, "ingest", "email:a", code, "INBOX;1;2", "", at_ms, "{}")


def _letters(connection: Connection) -> Sequence[object]:
    return connection.execute(text("SELECT id FROM dead ORDER BY id")).scalars().all()


def test_new_rows_are_copied_with_all_their_values(postgres_engine: Engine) -> None:
    row = _letter("d1", 2**31 - 1, 'tab\t "quote" \\ ğüş\n', -(2**63 - 1))
    with postgres_engine.begin() as connection:
        assert copy_new_rows(connection, TARGET, TYPES, [row])
        columns = ", ".join(COLUMNS["dead"])
        assert tuple(connection.execute(text(f"SELECT {columns} FROM dead")).one()) == row


@pytest.mark.parametrize("refused", [_letter("d1"), _letter("d3", code="nul \0")])
def test_a_refused_row_leaves_all_of_them_out_and_the_transaction_goes_on(
    postgres_engine: Engine, refused: Row
) -> None:
    with postgres_engine.begin() as connection:
        assert copy_new_rows(connection, TARGET, TYPES, [_letter("d1")])
        assert not copy_new_rows(connection, TARGET, TYPES, [_letter("d2"), refused])
        assert _letters(connection) == ["d1"]
        assert copy_new_rows(connection, TARGET, TYPES, [_letter("d4")])
    with postgres_engine.connect() as connection:
        assert _letters(connection) == ["d1", "d4"]


@pytest.mark.parametrize(
    "row", [_letter("d1", 2**31), _letter("d1", -(2**40)), _letter("d1", at_ms=2**63)]
)
def test_a_number_beyond_its_column_is_never_cut(postgres_engine: Engine, row: Row) -> None:
    with pytest.raises(OverflowError), postgres_engine.begin() as connection:
        copy_new_rows(connection, TARGET, TYPES, [_letter("d0"), row])
    with postgres_engine.connect() as connection:
        assert _letters(connection) == []


def test_a_server_that_ends_the_connection_is_an_outage(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as connection, postgres_engine.connect() as other:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
        with pytest.raises(Exception, match="terminat|closed") as error:
            copy_into_staging(connection, TARGET, TYPES, [_letter("d1")])
        assert is_outage(error.value)
        connection.invalidate()
