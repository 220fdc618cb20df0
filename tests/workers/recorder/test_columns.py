"""The recorder names its columns: the order of a table's columns does not matter."""

import pytest
from sqlalchemy import create_engine, text

from workers.recorder.columns import COLUMNS
from workers.recorder.sql import insert
from workers.store.tables import METADATA


@pytest.mark.parametrize("table", sorted(COLUMNS))
def test_a_row_fills_each_column_of_its_table(table: str) -> None:
    assert set(COLUMNS[table]) == {column.name for column in METADATA.tables[table].columns}


def test_a_table_with_its_columns_in_another_order_is_filled_the_same() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE links (body TEXT, b TEXT, a TEXT, at_ms INT, id TEXT)")
        )
        insert(connection, "links", [("l1", 7, "email:a", "phone:b", "{}")])
        row = connection.execute(text("SELECT id, at_ms, a, b, body FROM links")).one()
    assert tuple(row) == ("l1", 7, "email:a", "phone:b", "{}")
