"""Decisions alone, on one core, in batches of 2,000: rules, a model beside them, packs of all sizes."""

import random
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from bench.support import TEXTS, message, policy
from router.decision.analysis import analyse
from router.decision.decide import decide_message
from router.decision.policy import Policy
from router.text.pack_compiler import compile_pack
from router.text.rules import Rule
from router.training import dataset, train
from schemas.message import Message

BATCH = 2000
_ROUNDS = 5


def _microseconds(batch: list[Message], by: Policy) -> float:
    """Return the time of a decision, the best of some rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        for made, read in zip(batch, analyse(batch, by), strict=True):
            decide_message(made, None, by, made.received_at, read)
        best = min(best, time.perf_counter() - began)
    return best / len(batch) * 1e6


def _pack(rules: int, words: list[str]) -> Policy:
    """A pack of so many rules of eight terms each; every text has the words of five of them."""
    made = tuple(
        Rule(
            id=f"bench.rule{n}",
            department="billing",
            any=tuple(words[n * 8 : n * 8 + 8]),
            tr="t",
            en="e",
            match=(),
            no_match=(),
        )
        for n in range(rules)
    )
    pack = compile_pack("bench", made)
    return Policy(pack=pack, threshold=0.5, departments=policy().departments)


def run() -> dict[str, Any]:
    """Measure all of it in one run."""
    batch = [message(n, BATCH) for n in range(BATCH)]
    by = policy()
    rules = _microseconds(batch, by)
    lines = [
        msgspec.json.encode(
            {
                "text": f"{TEXTS[n % 5]} {n}",
                "label": ("orders", "billing", "technical", "returns", "account")[n % 5],
            }
        )
        for n in range(500)
    ]
    model = train.train(
        dataset.read(lines), "department", datetime(2026, 1, 1, tzinfo=UTC), pack=by.pack
    )
    both = _microseconds(
        batch, Policy(pack=by.pack, threshold=0.5, departments=by.departments, models=(model,))
    )
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnoprstuvyz", k=9)) for _ in range(16_000)]
    texts = [
        msgspec.structs.replace(m, text=f"{m.text} {' '.join(chance.sample(words[:800], 5))}")
        for m in batch
    ]
    few, many = (_microseconds(texts, _pack(n, words)) for n in (100, 2000))
    return {
        "characters": round(sum(len(m.text) for m in batch) / BATCH),
        "rules_us": round(rules, 1),
        "rules_and_model_us": round(both, 1),
        "pack_100_us": round(few, 1),
        "pack_2000_us": round(many, 1),
        "ratio": round(many / few, 2),
    }
