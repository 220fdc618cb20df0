"""Rules as data, folding, and the default pack's own samples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.text import pack_compiler, pack_files, rule_checks
from router.text.rule import Rule
from schemas.text.fold import fold
from tests.support.messages import PACK


def _rule(**more: object) -> Rule:
    fields = {
        "id": "a.b",
        "department": "billing",
        "tr": "t",
        "en": "e",
        "match": (),
        "no_match": (),
    }
    return Rule(**(fields | more))  # type: ignore[arg-type]  # a table of fields


def _fires(rule: Rule, text: str) -> bool:
    return bool(pack_compiler.compile_pack("p", [rule]).match(text, fold(text)))


def test_the_default_pack_passes_its_own_samples() -> None:
    assert rule_checks.failing_samples(PACK) == []


def test_every_rule_of_the_default_pack_has_samples_in_both_languages_and_reasons() -> None:
    for rule in PACK.rules:
        assert rule.tr, rule.id
        assert rule.en, rule.id
        assert len(rule.match) >= 2, rule.id
        assert rule.no_match, rule.id


@pytest.mark.parametrize("text", ["FATURAM", "faturamı", "Faturamdaki", "fatura.", "(fatura)"])
def test_a_starred_term_finds_the_stem_with_any_ending(text: str) -> None:
    assert _fires(_rule(any=("fatura*",)), text)


@pytest.mark.parametrize("text", ["ŞİKÂYET", "sikayet", "Şikayet", "SIKAYET", "şikâyet"])
def test_turkish_letters_and_their_plain_forms_are_the_same(text: str) -> None:
    assert _fires(_rule(any=("şikayet*",)), text)


def test_a_softened_stem_is_found() -> None:
    assert _fires(_rule(any=("abonelik*",)), "aboneliğimi kapatın")
    assert _fires(_rule(any=("kitap*",)), "kitabım gelmedi")


def test_a_term_without_a_star_is_a_whole_word() -> None:
    assert _fires(_rule(any=("iade",)), "iade lütfen")
    assert not _fires(_rule(any=("iade",)), "iademi istiyorum")
    assert not _fires(_rule(any=("ara",)), "araba")


def test_words_of_a_term_are_adjacent_across_punctuation_and_lines() -> None:
    rule = _rule(any=("para* iade*",))
    assert _fires(rule, "paramı,\n iade edin")
    assert not _fires(rule, "paramı geri verin, iade")


def test_a_rule_fires_on_all_and_any_but_none_of_its_terms() -> None:
    rule = _rule(all=("internet*",), any=("yavaş", "yok"), none=("mağaza*",))
    assert _fires(rule, "internet çok yavaş")
    assert not _fires(rule, "internet güzel")
    assert not _fires(rule, "internet mağazanız yavaş")


def test_evidence_is_the_customers_own_words_with_their_span() -> None:
    text = "Merhaba, FATURAMDAKİ tutar?"
    (hit,) = pack_compiler.compile_pack("p", [_rule(any=("fatura*",))]).match(text, fold(text))
    (evidence,) = hit.evidence
    assert evidence.text == "FATURAMDAKİ"
    assert text[evidence.start : evidence.end] == evidence.text


@given(st.text(max_size=300))
def test_folding_keeps_every_offset(text: str) -> None:
    assert len(fold(text)) == len(text) + 2
    for hit in PACK.match(text, fold(text)):
        for span in hit.evidence:
            assert text[span.start : span.end] == span.text


def test_the_check_names_a_rule_that_another_rule_shadows() -> None:
    def shadowed(*more: Rule) -> list[str]:
        return rule_checks.shadowed_rules(pack_compiler.compile_pack("p", more))

    wide = _rule(id="a.wide", any=("fatura*", "ekstre*"))
    assert shadowed(wide, _rule(id="a.narrow", any=("Fatura*",))) == [
        "a.narrow is shadowed by a.wide: it fires whenever a.narrow does"
    ]
    assert shadowed(wide, _rule(id="a.twin", any=("ekstre*", "fatura*"))) != []
    for other in (
        _rule(id="a.other", any=("fatura*", "borç")),
        _rule(id="a.heavier", any=("fatura*",), weight=3),
        _rule(id="a.urgent", any=("fatura*",), priority=9),
        _rule(id="a.topic", any=("fatura*",), topics=("x",)),
    ):
        assert shadowed(wide, other) == []
    assert (
        shadowed(
            _rule(id="a.less", any=("fatura*",), none=("tl",)),
            _rule(id="a.b", any=("fatura*",), weight=0.5),
        )
        == []
    )
    assert rule_checks.shadowed_rules(pack_files.read_pack(pack_files.PACKS / "default")) == []


def test_the_version_changes_with_the_rules() -> None:
    first = pack_compiler.compile_pack("p", [_rule(any=("x",))])
    assert first.version == pack_compiler.compile_pack("p", [_rule(any=("x",))]).version
    assert first.version != pack_compiler.compile_pack("p", [_rule(any=("y",))]).version
