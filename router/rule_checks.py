"""Checks of a pack for its authors: rules that add nothing, and samples that fail. Pure.

Before: rules.py has read a pack. After: `santral check` lists the findings.
"""

from collections import defaultdict

from router.rules import Pack, Rule
from schemas.errors import Problem
from schemas.fold import fold


def shadowed(pack: Pack) -> list[str]:
    """Return a sentence for each rule that adds nothing: another rule for the same department and
    intent fires whenever it does, and weighs as much."""
    holders: defaultdict[str, set[int]] = defaultdict(set)
    for index, rule in enumerate(pack.rules):
        if not rule.all and not rule.none:
            for term in rule.any:
                holders[_plain(term)].add(index)
    told = []
    for index, rule in enumerate(pack.rules):
        if not rule.any:
            continue
        # A rule with conditions fires less often than its terms stand there.
        above = set.intersection(*(holders[_plain(t)] for t in rule.any)) - {index}
        for other in sorted(above):
            by = pack.rules[other]
            same = (
                set(map(_plain, by.any)) == set(map(_plain, rule.any)) and not rule.all + rule.none
            )
            if _as_strong(by, rule) and not (same and other > index):
                told.append(f"{rule.id} is shadowed by {by.id}: it fires whenever {rule.id} does")
                break
    return told


def _as_strong(by: Rule, rule: Rule) -> bool:
    return (
        (by.department, by.intent) == (rule.department, rule.intent)
        and by.weight >= rule.weight
        and by.priority >= rule.priority
        and by.severity >= rule.severity
        and by.sentiment <= rule.sentiment
        and set(rule.topics) <= set(by.topics)
    )


def _plain(term: str) -> str:
    return " ".join(fold(term.replace("*", "")).split()) + ("*" if term.endswith("*") else "")


def failing_samples(pack: Pack) -> list[Problem]:
    """Return every sample that does not do what its rule says."""
    problems = []
    for rule in pack.rules:
        for samples, wanted in ((rule.match, True), (rule.no_match, False)):
            for sample in samples:
                fired = any(h.rule.id == rule.id for h in pack.hits(sample, fold(sample)))
                if fired != wanted:
                    verb = "does not fire" if wanted else "fires"
                    problems.append(Problem(f"{rule.id}: {verb} on its sample {sample!r}"))
        if not rule.match or not rule.no_match:
            problems.append(Problem(f"{rule.id}: needs a sample in `match` and in `no_match`"))
    return problems
