"""The summary of the rules that match a text: departments, scores, flags, topics, intent. Pure.

Few combinations of rules occur, and they occur often, so a summarizer remembers their summaries.
"""

from collections.abc import Container, Sequence

from router.decision.priority import RuleScores, score_rules
from router.decision.ranking import Ranking, rank_by_rules
from router.text.rule import Hit
from schemas.base import Record

_MAX_SUMMARIES = 5000
"""A summary takes about 1 KB, so all of them stay under 5 MB."""

_INTENT_RULE_FACTOR = 1.5
"""A rule without a department is about its intent; one with a department only mentions it."""


class RuleSummary(Record, frozen=True):
    """The rules' weights for departments that exist, and these departments ranked by the weights.

    Flags and topics keep the order of the pack. The intent is None if no rule names one.
    """

    weights: dict[str, float]
    ranking: Ranking
    scores: RuleScores
    flags: tuple[str, ...]
    topics: tuple[str, ...]
    intent: str | None


class RuleSummarizer:
    """Summarizes the matched rules of one pack for the departments that exist.

    It remembers summaries by the rules' ids, so each pack needs a summarizer of its own.
    """

    def __init__(self, departments: Container[str]) -> None:
        self._departments = departments
        self._summaries: dict[tuple[str, ...], RuleSummary] = {}

    def summarize(self, hits: Sequence[Hit]) -> RuleSummary:
        """Return the summary of the rules that match a text; `hits` are in the pack's order."""
        key = tuple([hit.rule.id for hit in hits])
        summary = self._summaries.get(key)
        if summary is None:
            if len(self._summaries) >= _MAX_SUMMARIES:
                self._summaries.clear()
            summary = self._summaries[key] = self._compute(hits)
        return summary

    def _compute(self, hits: Sequence[Hit]) -> RuleSummary:
        weights: dict[str, float] = {}
        intents: dict[str, float] = {}
        for rule in [hit.rule for hit in hits]:
            department = rule.department
            if department is not None and department in self._departments:
                weights[department] = weights.get(department, 0.0) + rule.weight
            if rule.intent:
                weight = rule.weight * (_INTENT_RULE_FACTOR if department is None else 1.0)
                intents[rule.intent] = intents.get(rule.intent, 0.0) + weight
        return RuleSummary(
            weights,
            rank_by_rules(weights),
            score_rules(hits),
            tuple(dict.fromkeys(hit.rule.flag for hit in hits if hit.rule.flag)),
            tuple(dict.fromkeys(topic for hit in hits for topic in hit.rule.topics)),
            min(intents, key=lambda intent: (-intents[intent], intent)) if intents else None,
        )
