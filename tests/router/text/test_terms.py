"""The terms of a text are stems of its words, short numbers and topics."""

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from router.text.terms import STEM_LETTERS, find_spans, find_terms, words_of_stems
from schemas.text.fold import fold


def test_a_term_is_the_stem_of_a_word_or_a_short_number() -> None:
    text = "Kadıköy'de İNTERNET kesildi, hata E504, sipariş 123456789, tel 55"
    assert find_terms(fold(text)) == {"kadik", "inter", "kesil", "hata", "e504", "sipar", "tel"}


def test_a_topic_is_a_term() -> None:
    assert find_terms(fold("internetim"), ["outage"]) == {"inter", "topic:outage"}


@given(st.text(max_size=300))
@hypothesis_settings(max_examples=300)
def test_every_term_of_any_text_has_a_span_in_it(text: str) -> None:
    folded = fold(text)
    terms = find_terms(folded)
    spans = find_spans(folded, terms)
    assert len(spans) == len(terms)
    stems = {fold(text[start:end]).strip()[:STEM_LETTERS] for start, end in spans}
    assert stems == terms
    assert set(words_of_stems([text])) >= terms
