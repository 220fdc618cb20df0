"""Search: whole numbers find their message, beginnings of personal ones find nothing."""

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from runtime import store
from schemas import envelope, topics
from schemas.message import Handle, Message, Party
from schemas.text.fold import fold
from tests.support.messages import message
from tests.support.workers.personal_numbers import CARD, IBAN, IDENTITY
from workers.recorder import search_index
from workers.recorder.rows import Rows, add_record
from workers.recorder.search_index import IndexRebuild
from workers.recorder.sql import write_rows
from workers.run import MIGRATIONS
from workers.store import queries
from workers.store.search_terms import NUMBERS_CHARS, terms_of, words_of

KEY = b"k" * 32


def record(engine: Engine, *messages: Message, key: bytes = KEY) -> None:
    """Record messages."""
    rows = Rows(search_key=key)
    for recorded in messages:
        add_record(
            rows, topics.MESSAGES.name, int(recorded.id[:6], 16), 0, envelope.encode(recorded)
        )
    with engine.begin() as connection:
        write_rows(connection, rows)


def find(engine: Engine, words: str, key: bytes = KEY) -> list[str]:
    """Return the ids of a search's matches."""
    with engine.connect() as connection:
        return [line.id for line in queries.search(connection, words, key=key)]


def hit(engine: Engine, words: str) -> str | None:
    """Return the message to which a search leads straight."""
    with engine.connect() as connection:
        return queries.exact_hit(connection, words, key=KEY)


@pytest.mark.parametrize("number", [IDENTITY, CARD, IBAN], ids=["identity", "card", "IBAN"])
def test_the_whole_personal_number_finds_its_message_and_no_beginning_does(
    engine: Engine, number: str
) -> None:
    original = message(f"Numaram {number}, teşekkürler", full_text="x" * 9000 + f" {number}")
    record(engine, original, message("başka bir ileti", native="2"))
    spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    for typed in (number, spaced, number.lower()) if number != IDENTITY else (number,):
        assert find(engine, typed) == [original.id], typed
        assert hit(engine, typed) == original.id
    for length in range(1, len(number)):
        assert find(engine, number[:length]) == [], length
        assert find(engine, number[-length:]) == [], length
    assert find(engine, number, key=b"another key" * 3) == []


def test_no_digit_of_a_personal_number_is_in_the_index(engine: Engine) -> None:
    named = Party(name=f"Ada {IDENTITY}", handles=(Handle(kind="customer_no", value=CARD),))
    original = message(f"a {IDENTITY} b {CARD} c {IBAN}", subject=IBAN, sender=named)
    words = words_of(original, CARD, KEY)
    for number in (IDENTITY, CARD, IBAN):
        for index in range(len(number) - 5):
            assert number[index : index + 6].lower() not in words
    assert "zqp" not in words_of(original, CARD, b""), "without a key no number is hashed"


PHONES = [
    "0532 111 22 33",
    "05321112233",
    "+90 532 111 22 33",
    "0090 532 111 22 33",
    "5321112233",
    "0532-111-22-33",
    "0532.111.22.33",
    "+90 (0) 532 111 22 33",
    "(0532) 111 22 33",
]


@pytest.mark.parametrize("written", PHONES)
@pytest.mark.parametrize("typed", PHONES)
def test_a_phone_in_each_spelling_is_found_by_each_spelling(written: str, typed: str) -> None:
    words = words_of(message(f"Beni {written} numarasından arayın"), "ada", KEY).split()
    terms = terms_of(typed, KEY)
    assert terms.exact
    assert set(terms.tokens) <= set(words)
    assert terms.tokens


def test_phones_orders_and_references_go_straight_to_their_message(engine: Engine) -> None:
    caller = Party(name="Eve", handles=(Handle(kind="phone", value="+905321112233"),))
    first = message("Siparişim 4581237 ve SIP-2024-0113 nerede", sender=caller)
    second = message("Siparişim 458 99 88 nerede", native="2")
    record(engine, first, second)
    for typed in (
        "0532 111 22 33",
        "4581237",
        "458 12 37",
        "SIP-2024-0113",
        "sip 2024 0113",
        first.id[:8].upper(),
        f"#{first.id[:8]}",
        first.id,
    ):
        assert hit(engine, typed) == first.id, typed
    assert hit(engine, "4589988") == second.id
    assert hit(engine, "nerede") is None, "words show a list"
    assert hit(engine, "siparisim 4581237") is None
    assert find(engine, "siparisim 4581237") == [first.id]
    assert find(engine, f"nerede {PHONES[0]}") == [first.id]
    assert hit(engine, "deadbeef") is None


@given(st.text(max_size=60))
def test_no_search_brings_the_store_down(sqlite_store: Engine, typed: str) -> None:
    find(sqlite_store, typed)
    hit(sqlite_store, typed)


@pytest.fixture(scope="module")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A store with one message."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store')}/s.db"
    store.migrate(url, MIGRATIONS)
    engine = store.engine(url)
    record(engine, message(f"selam 0532 111 22 33 {IDENTITY}"))
    yield engine
    engine.dispose()


def _migrate(engine: Engine, revision: str, *, down: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        if down:
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)


def test_an_older_store_is_indexed_again_without_its_numbers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = [message(f"Numaram {IDENTITY}", native=str(n)) for n in range(7)]
    record(engine, *originals)
    _migrate(engine, "0002", down=True)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM messages_text"))
        if engine.dialect.name == "sqlite":
            connection.execute(
                text("INSERT INTO messages_text(rowid, words) SELECT rowid, :w FROM messages"),
                {"w": fold(f"numaram {IDENTITY}")},
            )
    _migrate(engine, "head")
    assert find(engine, IDENTITY[:9]) == []
    assert find(engine, "numaram") == [], "emptied at once"
    monkeypatch.setattr(search_index, "_SLICE_MESSAGES", 3)
    stopped = IndexRebuild(engine, KEY)
    stopped.begin()
    stopped.step()  # and then it is killed
    rebuilds = [IndexRebuild(engine, KEY) for _ in range(2)]
    for rebuild in rebuilds:
        rebuild.begin()
    for _ in range(10):
        for rebuild in rebuilds:
            if rebuild.pending:
                rebuild.step()
    assert not any(r.pending for r in rebuilds)
    assert sorted(find(engine, IDENTITY)) == sorted(m.id for m in originals)
    assert len(find(engine, "numaram")) == 7
    assert find(engine, IDENTITY[:9]) == []


def test_a_new_key_has_every_message_indexed_again(engine: Engine) -> None:
    original = message(f"Numaram {IDENTITY}")
    record(engine, original)
    other = b"o" * 32
    for key in (KEY, other):
        rebuild = IndexRebuild(engine, key)
        rebuild.begin()
        assert rebuild.pending
        while rebuild.pending:
            rebuild.step()
    assert find(engine, IDENTITY, key=other) == [original.id]
    assert find(engine, IDENTITY) == []
    again = IndexRebuild(engine, other)
    again.begin()
    assert not again.pending, "what is as it should be is not done again"


@pytest.mark.parametrize("within", range(1, len(IBAN), 4))
def test_a_number_across_the_end_of_the_indexed_text_is_indexed_whole_or_left_out(
    within: int,
) -> None:
    text = "a " * ((NUMBERS_CHARS - within) // 2) + " " * (within % 2) + IBAN
    assert text[NUMBERS_CHARS - within :] == IBAN
    words = words_of(message(text), "ada", KEY).split()
    (token,) = (word for word in words if word.startswith("zq"))
    assert token in terms_of(IBAN, KEY).tokens


def test_the_name_of_a_token_finds_nobody(engine: Engine) -> None:
    numbers = message(f"{IDENTITY}, 0532 111 22 33 ve 4581237")
    zeynep = message("Zeynep", native="2")
    record(engine, numbers, zeynep)
    for typed in (
        "z",
        "zq",
        "zqp",
        "zqt",
        "zqn",
        "zqn4581",
        *(f"zqp{c}" for c in "0123456789abcdef"),
    ):
        assert numbers.id not in find(engine, typed), typed
    assert find(engine, "ze") == [zeynep.id]
