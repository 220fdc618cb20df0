"""Decisions alone, on one core, in batches of 2,000: rules, a model beside them, packs of all sizes."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from bench.policy import policy
from bench.support import TEXTS, message
from router.decision.analysis import analyse
from router.decision.decide import decide_message
from router.decision.policy import Policy
from router.models.model import Model
from router.text.pack_compiler import compile_pack
from router.text.rule import Rule
from router.text.rules import Pack
from router.training.dataset import read_labelled
from router.training.train import TrainingOptions, train_model
from schemas.message import Message

BATCH = 2000
_ROUNDS = 5

_DEPARTMENTS = ("orders", "billing", "technical", "returns", "account")
"""The department of each of the TEXTS."""

_LABELLED_LINES = 500
_RULE_TERMS = 8
_SMALL_PACK_RULES, _LARGE_PACK_RULES = 100, 2000
_ADDED_WORDS = 5
"""Each text has this many words of the small pack's terms, so both packs match alike."""


def run() -> dict[str, float]:
    """Measure all of it in one run."""
    batch = [message(number, BATCH) for number in range(BATCH)]
    rules_only = policy()
    by_rules = _microseconds(batch, rules_only)
    model = _train_model(rules_only.pack)
    both = Policy(
        pack=rules_only.pack, threshold=0.5, departments=rules_only.departments, models=(model,)
    )
    by_both = _microseconds(batch, both)
    small, large = _measure_packs(batch)
    return {
        "characters": round(sum(len(m.text) for m in batch) / BATCH),
        "rules_us": round(by_rules, 1),
        "rules_and_model_us": round(by_both, 1),
        "pack_100_us": round(small, 1),
        "pack_2000_us": round(large, 1),
        "ratio": round(large / small, 2),
    }


def _microseconds(batch: Sequence[Message], tested: Policy) -> float:
    """Return the time of a decision, the best of some rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for sent, analysis in zip(batch, analyse(batch, tested), strict=True):
            decide_message(sent, None, tested, sent.received_at, analysis)
        best = min(best, time.perf_counter() - began)
    return best / len(batch) * 1e6


def _train_model(pack: Pack) -> Model:
    """Return a model of some lines, which has learned by the rules too."""
    lines = [
        msgspec.json.encode(
            {
                "text": f"{TEXTS[number % len(TEXTS)]} {number}",
                "label": _DEPARTMENTS[number % len(TEXTS)],
            }
        )
        for number in range(_LABELLED_LINES)
    ]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return train_model(read_labelled(lines), "department", now, TrainingOptions(pack=pack))


def _measure_packs(batch: Sequence[Message]) -> tuple[float, float]:
    """Return the times of a decision with the small and with the large pack."""
    chance = random.Random(1)
    letters, terms = "abcdefghijklmnoprstuvyz", _LARGE_PACK_RULES * _RULE_TERMS
    words = ["".join(chance.choices(letters, k=9)) for _ in range(terms)]
    common = words[: _SMALL_PACK_RULES * _RULE_TERMS]
    texts = [
        msgspec.structs.replace(m, text=f"{m.text} {' '.join(chance.sample(common, _ADDED_WORDS))}")
        for m in batch
    ]
    small, large = (
        _microseconds(texts, _invented_policy(count, words))
        for count in (_SMALL_PACK_RULES, _LARGE_PACK_RULES)
    )
    return small, large


def _invented_policy(count: int, words: Sequence[str]) -> Policy:
    """Return a policy with `count` rules, whose terms are the words in order."""
    rules = tuple(
        Rule(
            id=f"bench.rule{number}",
            department="billing",
            any=tuple(words[number * _RULE_TERMS : (number + 1) * _RULE_TERMS]),
            tr="t",
            en="e",
            match=(),
            no_match=(),
        )
        for number in range(count)
    )
    return Policy(
        pack=compile_pack("bench", rules), threshold=0.5, departments=policy().departments
    )
