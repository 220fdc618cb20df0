"""Checks of a pack for its authors: rules that add nothing, and samples that fail. Pure.

Before: rules.py has read a pack. After: `santral check` lists the findings.
"""

from collections import defaultdict

from router.text.rules import Pack, Rule
from schemas.errors import Problem
from schemas.text.fold import fold


def shadowed(pack: Pack) -> list[str]:
    """Return a sentence for each rule that adds nothing: another rule for the same department and
    intent fires whenever it does, and weighs as much."""
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for index, rule in enumerate(pack.rules):
        if not rule.all and not rule.none:
            for term in rule.any:
                holders[_plain(term)].add(index)
    sentences = []
    for index, rule in enumerate(pack.rules):
        if not rule.any:
            continue
        # A rule with conditions fires less often than its terms stand there.
        above = set.intersection(*(holders[_plain(t)] for t in rule.any)) - {index}
        for other in sorted(above):
            stronger = pack.rules[other]
            same = (
                set(map(_plain, stronger.any)) == set(map(_plain, rule.any))
                and not rule.all + rule.none
            )
            if _as_strong(stronger, rule) and not (same and other > index):
                sentences.append(
                    f"{rule.id} is shadowed by {stronger.id}: it fires whenever {rule.id} does"
                )
                break
    return sentences


def _as_strong(stronger: Rule, rule: Rule) -> bool:
    return (
        (stronger.department, stronger.intent) == (rule.department, rule.intent)
        and stronger.weight >= rule.weight
        and stronger.priority >= rule.priority
        and stronger.severity >= rule.severity
        and stronger.sentiment <= rule.sentiment
        and set(rule.topics) <= set(stronger.topics)
    )


def _plain(term: str) -> str:
    return " ".join(fold(term.replace("*", "")).split()) + ("*" if term.endswith("*") else "")


def failing_samples(pack: Pack) -> list[Problem]:
    """Return every sample that does not do what its rule says."""
    problems = []
    for rule in pack.rules:
        for samples, expected in ((rule.match, True), (rule.no_match, False)):
            for sample in samples:
                fired = any(h.rule.id == rule.id for h in pack.hits(sample, fold(sample)))
                if fired != expected:
                    verb = "does not fire" if expected else "fires"
                    problems.append(Problem(f"{rule.id}: {verb} on its sample {sample!r}"))
        if not rule.match or not rule.no_match:
            problems.append(Problem(f"{rule.id}: needs a sample in `match` and in `no_match`"))
    return problems
