"""A vector of ours has the words of PostgreSQL's parser, so that a search finds the same."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from schemas.text.fold import fold
from tests.support.messages import message
from tests.support.workers.personal_numbers import CARD, IBAN, IDENTITY
from workers.recorder.search_index import write_words
from workers.recorder.text_vector import vector_of
from workers.store.search_terms import terms_of, ts_query, words_of

KEY = b"k" * 32
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)

WORDS = st.sampled_from(
    [
        "Faturam",
        "şikâyet",
        "İADE",
        "ığdır'daki",
        "charged",
        "twice",
        "e-posta",
        "ada@example.com",
        "https://example.com/a?b=1",
        "0532 111 22 33",
        "SIP-2024-0113",
        "89,90",
        "1e5",
        "2E10x",
        "8e0d191b-6a57-4213-849a-fa0c",
        "3e",
        "e3",
        IDENTITY,
        CARD,
        IBAN,
    ]
)
CODES = st.text("0123456789eEabxz-. ", max_size=12)
TEXTS = st.lists(st.one_of(WORDS, CODES, st.text(max_size=8)), max_size=15).map(" ".join)


def _index(engine: Engine, texts: Sequence[str]) -> list[str]:
    """Index texts under their numbers; return the words of each."""
    lines = [words_of(message(t), "ada", KEY) for t in texts]
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM messages_text"))
        write_words(connection, [(str(n), line) for n, line in enumerate(lines)])
    return lines


@SHARED
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_the_index_has_the_words_of_the_parser(postgres_engine: Engine, texts: list[str]) -> None:
    lines = _index(postgres_engine, texts)
    query = text(
        "SELECT strip(words) = strip(to_tsvector('simple', :line)) FROM messages_text "
        "WHERE message = :message"
    )
    with postgres_engine.connect() as connection:
        for number, line in enumerate(lines):
            row = connection.execute(query, {"line": line, "message": str(number)}).scalar_one()
            assert row, line


@SHARED
@given(st.lists(TEXTS, min_size=1, max_size=20), st.lists(TEXTS, min_size=1, max_size=10))
def test_a_search_finds_what_it_finds_with_the_parser(
    postgres_engine: Engine, texts: list[str], searches: list[str]
) -> None:
    lines = _index(postgres_engine, texts)
    parsed = text(
        "SELECT n::text FROM unnest(CAST(:lines AS text[])) WITH ORDINALITY AS l (line, n) "
        "WHERE to_tsvector('simple', line) @@ to_tsquery('simple', :query)"
    )
    indexed = text(
        "SELECT (message::int + 1)::text FROM messages_text WHERE words @@ to_tsquery('simple', :query)"
    )
    with postgres_engine.connect() as connection:
        for search in [*searches, *texts]:
            query = ts_query(terms_of(search, KEY))
            wanted = connection.execute(parsed, {"lines": lines, "query": query}).scalars()
            result = connection.execute(indexed, {"query": query}).scalars()
            assert set(result) == set(wanted), search


@pytest.mark.parametrize("line", ["1e5", "a 12e5b c", "2e3e4"])
def test_only_the_server_parses_a_word_that_begins_with_a_scientific_number(line: str) -> None:
    assert vector_of(line) is None


def test_each_word_is_there_once_and_in_order() -> None:
    assert vector_of(fold("Şube şube 12 açık")) == (
        b"\x00\x00\x00\x03" + b"12\0\0\0" + b"acik\0\0\0" + b"sube\0\0\0"
    )


def test_a_word_that_the_parser_leaves_out_is_left_out() -> None:
    assert vector_of(f"a {'b' * 2046} {'c' * 2047}") == (
        b"\x00\x00\x00\x02" + b"a\0\0\0" + b"b" * 2046 + b"\0\0\0"
    )
