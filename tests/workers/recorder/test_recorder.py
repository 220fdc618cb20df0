"""The recorder on SQLite and PostgreSQL: each record once, offsets with the rows, search."""

from typing import cast

import msgspec
import pytest
from sqlalchemy import Engine, text

from router.decision.decide import decide_message
from schemas import envelope, topics
from schemas.base import Record
from schemas.dead_letter import DeadLetter, Origin
from schemas.errors import Unavailable
from schemas.message import Message
from schemas.outcome import Outcome
from tests.support.caught_bugs import count_caught_bugs
from tests.support.messages import NOW, message, policy
from workers.recorder.rows import (
    _ROW_MAKERS,
    GROUP,
    Rows,
    _add_message,
    _row_maker,
    add_record,
)
from workers.recorder.sql import Fenced, RawRecord, write_records, write_rows
from workers.store import dead_letters, ledger, queries, recent_traffic


def _write(engine: Engine, *records: tuple[str, int, Record | bytes]) -> None:
    rows = Rows()
    for topic, offset, record in records:
        value = record if isinstance(record, bytes) else envelope.encode(record)
        add_record(rows, topic, 0, offset, value)
    with engine.begin() as connection:
        write_rows(connection, rows)


def _all(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(sql))]


MESSAGES, DECISIONS, OUTCOMES = topics.MESSAGES.name, topics.DECISIONS.name, topics.OUTCOMES.name


def _outcome(identifier: str) -> Outcome:
    original = message("Faturam yanlış")
    return Outcome(
        id=identifier,
        kind="resolved",
        brand="default",
        conversation=original.conversation,
        item=original.id,
        department="billing",
        messages=(original.id,),
        at=NOW,
    )


def test_a_message_is_read_back_with_its_decision_and_outcomes(engine: Engine) -> None:
    original = message("Faturam yanlış \x00 ğüş", subject="nul \x00")
    decided = decide_message(original, None, policy(), NOW).decision
    _write(engine, (MESSAGES, 0, original), (DECISIONS, 0, decided), (OUTCOMES, 0, _outcome("o1")))
    with engine.connect() as connection:
        recorded = queries.message(connection, original.id)
        assert queries.message(connection, "none") is None
        flow = recent_traffic.read_flow(connection, now_ms=int(NOW.timestamp() * 1000))
    assert recorded is not None
    assert (recorded.message, recorded.decision) == (original, decided)
    assert [o.id for o in recorded.outcomes] == ["o1"]
    assert flow.total == 1
    assert sum(count for _, count in flow.minutes) == 1


def test_the_same_records_again_make_no_second_row(engine: Engine) -> None:
    original = message("a")
    _write(engine, (MESSAGES, 0, original), (MESSAGES, 1, original), (OUTCOMES, 0, _outcome("o")))
    _write(engine, (MESSAGES, 2, original), (OUTCOMES, 1, _outcome("o")))
    assert _all(engine, "SELECT count(*) FROM messages")[0][0] == 1
    assert _all(engine, "SELECT count(*) FROM outcomes")[0][0] == 1
    new_rows = {(t, r): k for t, r, k in _all(engine, "SELECT topic, records, kept FROM positions")}
    assert new_rows[MESSAGES, 3] == 1


def test_repeats_among_new_records_cost_no_new_record(engine: Engine) -> None:
    messages = [
        message("Numaram 4581237", native=str(n), position=f"INBOX;1;{n}") for n in range(3)
    ]
    decisions = [decide_message(m, None, policy(), NOW).decision for m in messages]
    _write(engine, (MESSAGES, 0, messages[0]), (DECISIONS, 0, decisions[0]))
    _write(engine, (OUTCOMES, 0, _outcome("o1")))
    _write(
        engine,
        *((MESSAGES, 1 + n, m) for n, m in enumerate([*messages, messages[2]])),
        *((DECISIONS, 1 + n, d) for n, d in enumerate([*decisions, decisions[2]])),
        *((OUTCOMES, 1 + n, _outcome(f"o{n}")) for n in range(3)),
    )
    ids = {(m.id,) for m in messages}
    assert set(_all(engine, "SELECT id FROM messages")) == ids
    assert set(_all(engine, "SELECT message FROM arrivals")) == ids
    assert set(_all(engine, "SELECT message FROM decisions")) == ids
    assert set(_all(engine, "SELECT id FROM outcomes")) == {("o0",), ("o1",), ("o2",)}
    assert set(_all(engine, "SELECT message FROM handles WHERE node LIKE 'email:%'")) == ids
    with engine.connect() as connection:
        assert len(queries.search(connection, "4581237")) == 3
    rows = {t: (r, k) for t, r, k in _all(engine, "SELECT topic, records, kept FROM positions")}
    assert rows[MESSAGES] == (5, 3)


def test_a_batch_that_fails_leaves_nothing_and_its_offset_stays(engine: Engine) -> None:
    _write(engine, (MESSAGES, 0, message("a")))
    rows = Rows()
    add_record(rows, MESSAGES, 0, 1, envelope.encode(message("b", native="2")))
    rows.decisions.append(("x",))
    with pytest.raises(Exception, match=r"."), engine.begin() as connection:
        write_rows(connection, rows)
    assert _all(engine, "SELECT next_offset FROM positions") == [(1,)]
    assert _all(engine, "SELECT count(*) FROM messages")[0][0] == 1


def test_a_recorder_that_lost_its_partition_is_fenced(engine: Engine) -> None:
    _write(engine, (MESSAGES, 5, message("a")))
    with pytest.raises(Fenced):
        _write(engine, (MESSAGES, 3, message("b", native="2")))
    assert _all(engine, "SELECT count(*) FROM messages")[0][0] == 1


def test_an_undecodable_record_is_counted_and_skipped(engine: Engine) -> None:
    _write(engine, (MESSAGES, 0, b"{"), (MESSAGES, 1, message("a")))
    assert _all(engine, "SELECT records, kept, undecodable FROM positions") == [(2, 1, 1)]


def _raw(offset: int, record: Record, topic: str = MESSAGES) -> RawRecord:
    return topic, 0, offset, envelope.encode(record)


def test_a_record_that_the_store_refuses_costs_no_other_record(engine: Engine) -> None:
    messages = [message("Faturam yanlış", native=str(n)) for n in range(9)]
    decisions = [decide_message(m, None, policy(), NOW).decision for m in messages]
    decisions[4] = msgspec.structs.replace(decisions[4], hops=2**70)
    before = count_caught_bugs(GROUP)
    written = write_records(
        engine,
        [_raw(n, m) for n, m in enumerate(messages)]
        + [_raw(n, d, DECISIONS) for n, d in enumerate(decisions)],
    )
    assert sum(sum(rows.records.values()) for rows in written) == 18
    assert count_caught_bugs(GROUP) == before + 1
    assert _all(engine, "SELECT count(*) FROM messages")[0][0] == 9
    decided = {row[0] for row in _all(engine, "SELECT message FROM decisions")}
    assert decided == {m.id for m in messages}, (
        "also the one that was in the way, without its extras"
    )
    assert {r[0] for r in _all(engine, "SELECT next_offset FROM positions")} == {9}
    bodies = _all(engine, f"SELECT body FROM decisions WHERE message = '{messages[4].id}'")
    assert msgspec.json.decode(cast("bytes", bodies[0][0]))["hops"] == 2**70, "its bytes are whole"


def test_a_fault_in_the_extras_of_a_record_costs_only_them(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_rows: Rows, record: Message) -> None:
        raise KeyError(record.id)

    maker = _row_maker(topics.MESSAGES, _add_message, broken)
    monkeypatch.setitem(_ROW_MAKERS, MESSAGES, maker)
    before = count_caught_bugs(GROUP)
    original = message("Faturam yanlış", position="INBOX;1;1")
    write_records(engine, [_raw(0, original)])
    with engine.connect() as connection:
        recorded = queries.message(connection, original.id)
    assert recorded is not None
    assert recorded.message == original
    assert _all(engine, "SELECT position FROM arrivals") == [("INBOX;1;1",)]
    assert _all(engine, "SELECT count(*) FROM handles") == [(0,)]
    assert count_caught_bugs(GROUP) == before + 1


def test_a_recorder_that_was_fenced_writes_nothing_in_halves(engine: Engine) -> None:
    write_records(engine, [_raw(5, message("a"))])
    with pytest.raises(Fenced):
        write_records(
            engine, [_raw(3, message("b", native="2")), _raw(4, message("c", native="3"))]
        )
    assert _all(engine, "SELECT count(*) FROM messages")[0][0] == 1


def test_search_folds_turkish_and_takes_beginnings(engine: Engine) -> None:
    _write(
        engine,
        (MESSAGES, 0, message("Iğdır'daki ŞUBE kapalıydı")),
        (MESSAGES, 1, message("başka", native="2")),
    )
    with engine.connect() as connection:
        for words in ("ığdır", "IGDIR şube", "kapali", "sub"):
            assert len(queries.search(connection, words)) == 1, words
        for words in ("yok", "", '" OR 1', "şube yok", "'); DROP TABLE messages; --", ":*", "&|!"):
            assert queries.search(connection, words) == [], words


def test_dead_letters_are_listed_by_their_last_attempt(engine: Engine) -> None:
    letter = DeadLetter(
        id="d" * 36,
        stage="ingest",
        source="email:a",
        code="mime.empty",
        text="t",
        origin=Origin(position="INBOX;1;2"),
        at=NOW,
    )
    again = msgspec.structs.replace(letter, attempt=1)
    _write(engine, (topics.DEAD.name, 0, letter), (topics.DEAD.name, 1, again))
    assert [x.attempt for x in dead_letters.letters(engine)] == [1]
    assert dead_letters.letter(engine, "dddd").attempt == 1
    with pytest.raises(Unavailable, match="no dead letter"):
        dead_letters.letter(engine, "e")


def _account(engine: Engine, *, settled: bool, positions: list[str] | None = None) -> ledger.Ledger:
    inventory = {"api:test": positions} if positions is not None else {}
    reach = ledger.Reach(undecided=0, unrecorded=0 if settled else 1)
    return ledger.account(engine, ledger._undecided(engine), reach, inventory)


def test_the_ledger_is_zero_when_all_is_accounted_for_and_not_when_something_is_gone(
    engine: Engine,
) -> None:
    original = message("a", position="INBOX;1;1")
    decided = decide_message(original, None, policy(), NOW).decision
    _write(engine, (MESSAGES, 0, original), (DECISIONS, 0, decided))
    assert _account(engine, settled=True, positions=["INBOX;1;1"]).unaccounted == 0
    gone = _account(engine, settled=True, positions=["INBOX;1;1", "INBOX;1;2"])
    assert gone.unaccounted == 1
    assert gone.sources[0].missing == ("INBOX;1;2",)
    second = message("b", native="2")
    _write(engine, (MESSAGES, 1, second))
    lost = _account(engine, settled=True)
    assert lost.unaccounted == 1, "a message without a decision, though everything was read"
    assert lost.undecided == (second.id,)
    on_its_way = _account(engine, settled=False)
    assert on_its_way.unaccounted == 0
    assert on_its_way.pending > 0
    buried = DeadLetter(
        id="d1",
        stage="router",
        source="api:test",
        code="router.bug",
        text="t",
        at=NOW,
        origin=Origin(topic=MESSAGES, partition=0, offset=1),
        message=second.id,
    )
    _write(engine, (topics.DEAD.name, 0, buried))
    refused = _account(engine, settled=True)
    assert (refused.unaccounted, refused.sources[0].refused) == (0, 1)
