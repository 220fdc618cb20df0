"""Decisions with a model: its reason, its words, and its weight beside the rules."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cli.offline.decisions import load_trial_policy
from router.decision.decide import decide_message
from router.decision.policy import Policy
from router.models import model_file
from router.text.pack_compiler import compile_pack
from router.training.dataset import read_labelled
from router.training.train import train_model
from runtime.settings.structs import Settings
from schemas.decision import Decision
from schemas.routing.counterfactual import nearest_change
from tests.support.messages import NOW, message, policy
from tests.support.router.trained_models import FILLERS, department_model, encode_lines

pytestmark = pytest.mark.slow  # a model is trained


@pytest.fixture
def with_model(tmp_path: Path) -> Policy:
    """The default rules with a model of departments."""
    path = tmp_path / "departments.model"
    model_file.save(path, department_model())
    return load_trial_policy(Settings(), [path])


def _decide(text: str, tested: Policy) -> Decision:
    return decide_message(message(text), None, tested, NOW).decision


def test_a_reason_names_the_model_and_quotes_its_words(with_model: Policy) -> None:
    decision = _decide("Geçen ay faturam niye bu kadar yüksek?", with_model)
    (reason,) = [reason for reason in decision.reasons if reason.kind == "model"]
    assert decision.department == "billing"
    assert decision.model == reason.version == with_model.models[0].name
    assert "faturam" in [evidence.text for evidence in reason.evidence]


def test_the_runner_up_names_the_weight_that_it_lacks(with_model: Policy) -> None:
    decision = _decide("Geçen ay faturam niye bu kadar yüksek?", with_model)
    assert decision.runner_up is not None
    assert decision.runner_up.would_win.startswith("rules of ")


def test_an_unsure_model_leaves_two_guesses_to_triage(with_model: Policy) -> None:
    decision = _decide("acaba", replace(with_model, threshold=0.9999))
    assert decision.action == "triage"
    assert len(decision.guesses) == 2


def test_the_same_message_gets_the_same_decision(with_model: Policy) -> None:
    text = "Geçen ay faturam niye bu kadar yüksek?"
    first, again = (msgspec.json.encode(_decide(text, with_model)) for _ in range(2))
    assert first == again


def test_the_change_that_a_counterfactual_names_changes_the_decision(with_model: Policy) -> None:
    heavy = [msgspec.structs.replace(r, weight=4 * r.weight) for r in with_model.pack.rules]
    tested = replace(with_model, pack=compile_pack("heavy", tuple(heavy)))
    departments = set[str]()
    for text in (text for rule in tested.pack.rules for text in rule.match[:1]):
        decision = _decide(text, tested)
        change = nearest_change(decision)
        if change is None or not change.without:
            continue
        removed = {reason.id for reason in change.without}
        rest = tuple(rule for rule in tested.pack.rules if rule.id not in removed)
        changed = _decide(text, replace(tested, pack=compile_pack("less", rest)))
        assert changed.department == change.department, text
        assert changed.department != decision.department, text
        departments.add(decision.department)
    assert len(departments) > 3


def test_strong_rules_overrule_a_model(with_model: Policy) -> None:
    text = "modem çalışmıyor, KVKK kapsamında verilerimi silin"
    assert _decide(text, policy()).department == "legal"
    strong = tuple(
        msgspec.structs.replace(rule, weight=10.0) if rule.department == "legal" else rule
        for rule in with_model.pack.rules
    )
    heavy = replace(with_model, pack=compile_pack("heavy", strong))
    assert _decide(text, heavy).department == "legal"


def test_the_sentiment_is_that_of_its_model(tmp_path: Path) -> None:
    templates = {
        "olumlu": ("çok {} memnunum", "{} harika teşekkürler"),
        "olumsuz": ("{} rezalet", "berbat {} hizmet"),
        "nötr": ("{} bilgi", "fiyat {} nedir"),
    }
    pairs = [
        (template.format(filler), label)
        for label, some in templates.items()
        for template in some
        for filler in FILLERS
    ]
    path = tmp_path / "sentiment.model"
    model_file.save(path, train_model(read_labelled(encode_lines(pairs)), "sentiment", NOW))
    tested = load_trial_policy(Settings(), [path])
    assert _decide("rezalet berbat", tested).sentiment < -0.3
    assert _decide("harika memnunum", tested).sentiment > 0.3
