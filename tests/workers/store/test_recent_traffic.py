"""The counts of the last minutes count each item that people resolved once."""

from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy import Engine

from schemas import envelope, topics
from schemas.outcome import Outcome
from tests.support.messages import NOW, message
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import write_rows
from workers.store.recent_traffic import read_flow

ORIGINAL = message("Faturam yanlış")
FIRST = Outcome(
    id="first",
    kind="resolved",
    brand="default",
    conversation=ORIGINAL.conversation,
    item=ORIGINAL.id,
    department="billing",
    messages=(ORIGINAL.id,),
    at=NOW,
)


def _after(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


def _resolved(engine: Engine, *outcomes: Outcome) -> int:
    rows = Rows()
    for offset, outcome in enumerate(outcomes):
        add_record(rows, topics.OUTCOMES.name, 0, offset, envelope.encode(outcome))
    now_ms = int(_after(60).timestamp() * 1000)
    with engine.begin() as connection:
        write_rows(connection, rows)
        return read_flow(connection, now_ms=now_ms).resolved


def test_an_item_that_two_agents_resolved_counts_once(engine: Engine) -> None:
    second = msgspec.structs.replace(FIRST, id="second", agent="b", at=_after(1))
    assert _resolved(engine, FIRST, second) == 1


def test_an_item_that_was_moved_first_is_not_resolved(engine: Engine) -> None:
    moved = msgspec.structs.replace(FIRST, id="moved", kind="rerouted", to="orders")
    late = msgspec.structs.replace(FIRST, id="late", agent="b", at=_after(1))
    assert _resolved(engine, moved, late) == 0


@pytest.mark.parametrize("before", ["rerouted", "escalated"])
def test_an_item_that_is_resolved_after_its_move_counts(engine: Engine, before: str) -> None:
    moved = msgspec.structs.replace(FIRST, id="moved", kind=before, to="orders")
    done = msgspec.structs.replace(FIRST, id="done", department="orders", hops=1, at=_after(1))
    assert _resolved(engine, moved, done) == 1


def test_two_items_count_twice(engine: Engine) -> None:
    other = msgspec.structs.replace(FIRST, id="other", item="other", messages=("other",))
    assert _resolved(engine, FIRST, other) == 2


def test_an_item_resolved_before_the_window_does_not_count_again(engine: Engine) -> None:
    long_ago = msgspec.structs.replace(FIRST, at=NOW - timedelta(days=1))
    repeat = msgspec.structs.replace(FIRST, id="repeat", agent="b")
    assert _resolved(engine, long_ago, repeat) == 0
