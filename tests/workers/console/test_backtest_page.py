"""The page of a backtest is in one language, names departments, and escapes customers' texts."""

from dataclasses import replace
from datetime import timedelta, timezone

import msgspec
import pytest

from router.backtest.replay import RecordedFacts, TrafficRecord, replay
from router.decision.policy import Policy
from router.text.pack_compiler import compile_pack
from schemas.routing.departments import DEFAULT
from tests.support.messages import policy
from tests.support.router.backtest import TEXTS, candidate_policy, sent_after, traffic
from workers.console.backtest_page import page
from workers.console.texts import Texts, department_titles

ISTANBUL = timezone(timedelta(hours=3), "Europe/Istanbul")
MOVED = sent_after("4", TEXTS["4"], 4).id


def _render(events: list[TrafficRecord], candidate: Policy, language: str) -> str:
    facts = RecordedFacts(people={MOVED: "sales"})
    report = msgspec.json.encode(replay(events, policy(), candidate, facts, zone=ISTANBUL))
    return page(report, Texts(language), department_titles(DEFAULT, language), ISTANBUL)


@pytest.mark.parametrize(
    ("language", "expected", "foreign"),
    [
        ("tr", ["Geçmişle deneme", "Ön Değerlendirme → Satış", "%33,3"], "Candidate"),
        ("en", ["Backtest", "Triage → Sales", "33.3%"], "Aday"),
    ],
)
def test_the_page_is_in_one_language(language: str, expected: list[str], foreign: str) -> None:
    html = _render(traffic(), candidate_policy(), language)
    assert f'<html lang="{language}">' in html
    for words in expected:
        assert words in html
    assert foreign not in html


def test_the_page_has_the_time_of_a_message_in_the_zone_of_the_hours() -> None:
    assert "01.03.2026 19:00" in _render(traffic(), candidate_policy(), "tr")


def test_a_candidate_that_changes_nothing_has_no_examples() -> None:
    assert "Nothing would change." in _render(traffic(), policy(), "en")


def test_the_page_escapes_the_texts_of_customers() -> None:
    pack = policy().pack
    urgent = tuple(
        msgspec.structs.replace(r, priority=min(100, r.priority + 9)) for r in pack.rules
    )
    events = [*traffic(), sent_after("7", "<script>alert(1)</script> faturam yüksek", 9)]
    html = _render(events, replace(policy(), pack=compile_pack("urgent", urgent)), "en")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert 'role="img"' in html
