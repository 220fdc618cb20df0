"""The counterfactual of a decision: with the change that it names, the decision is another."""

import random
from dataclasses import replace

import pytest

from router.decision.decide import decide_message
from router.text.pack_compiler import compile_pack
from schemas.routing.counterfactual import nearest_change
from tests.support.messages import NOW, PACK, message, policy
from tests.support.router.decisions import decide_default


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_change_that_a_counterfactual_names_changes_the_decision(seed: int) -> None:
    rng = random.Random(seed)
    pool = [m for r in PACK.rules for m in r.match]
    changed = set[str]()
    for _ in range(40):
        text = " ".join(rng.sample(pool, rng.randint(1, 2)))
        decision = decide_default(message(text)).decision
        other = nearest_change(decision)
        if other is None:
            assert "spam" in decision.flags or not decision.guesses
            continue
        removed = {r.id for r in other.without}
        rest = [r for r in PACK.rules if r.id not in removed]
        changed_policy = replace(policy(), pack=compile_pack("less", tuple(rest)))
        if other.threshold is not None:
            high = min(1.0, other.threshold + 0.0001)
            changed_policy = replace(
                changed_policy, threshold=other.threshold if decision.action == "triage" else high
            )
        again = decide_message(message(text), None, changed_policy, NOW).decision
        assert (again.department, other.department) == (other.department, again.department), text
        assert again.department != decision.department
        changed.add("evidence" if removed else "threshold")
        assert not removed or other.words()
    assert changed == {"evidence", "threshold"}


def test_a_follow_up_has_no_counterfactual() -> None:
    first = decide_default(message("Faturam yanlış", "1"))
    assert nearest_change(decide_default(message("tamam", "2"), first.state).decision) is None
