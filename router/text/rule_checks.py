"""Checks of a pack for its authors, which `santral check` prints. Pure.

They find rules that add nothing, and samples that fail.
"""

from collections import defaultdict

from router.text.rule import Rule
from router.text.rules import Pack
from schemas.errors import Problem
from schemas.text.fold import fold


def shadowed_rules(pack: Pack) -> list[str]:
    """Return a sentence for each rule that adds nothing.

    Another rule for the same department and intent fires whenever such a rule does, and weighs as
    much.
    """
    rules_of_term: defaultdict[str, set[int]] = defaultdict(set)
    for index, rule in enumerate(pack.rules):
        if not rule.all and not rule.none:
            for term in rule.any:
                rules_of_term[_plain(term)].add(index)
    sentences = []
    for index, rule in enumerate(pack.rules):
        if not rule.any:
            continue
        # A rule with conditions fires less often than its terms are in a text.
        candidates = set.intersection(*(rules_of_term[_plain(t)] for t in rule.any)) - {index}
        for other in sorted(candidates):
            stronger = pack.rules[other]
            same = (
                set(map(_plain, stronger.any)) == set(map(_plain, rule.any))
                and not rule.all + rule.none
            )
            if _is_as_strong(stronger, rule) and not (same and other > index):
                sentences.append(
                    f"{rule.id} is shadowed by {stronger.id}: it fires whenever {rule.id} does"
                )
                break
    return sentences


def _is_as_strong(stronger: Rule, rule: Rule) -> bool:
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
    """Return a problem for each sample that its rule does not treat as it says."""
    problems = []
    for rule in pack.rules:
        for samples, expected in ((rule.match, True), (rule.no_match, False)):
            for sample in samples:
                fired = any(h.rule.id == rule.id for h in pack.match(sample, fold(sample)))
                if fired != expected:
                    verb = "does not fire" if expected else "fires"
                    problems.append(Problem(f"{rule.id}: {verb} on its sample {sample!r}"))
        if not rule.match or not rule.no_match:
            problems.append(Problem(f"{rule.id}: needs a sample in `match` and in `no_match`"))
    return problems
