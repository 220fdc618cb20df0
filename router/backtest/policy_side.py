"""One side of a backtest: a policy, its own conversations, and the counts of its decisions. Pure.

Each side keeps its own conversations, so that a follow-up goes where its own side sent the first
message.
"""

import time
from collections import Counter
from dataclasses import dataclass, field, replace

from router.decision.analysis import TextAnalysis, analyse
from router.decision.apply_outcome import apply_outcome
from router.decision.decide import RoutingResult, decide_message
from router.decision.policy import Policy
from schemas.decision import Decision
from schemas.incident import Incident
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState


@dataclass
class PolicySide:
    """A policy with its conversations and counts; `seconds` is the time of its decisions."""

    policy: Policy
    states: dict[str, ConversationState] = field(default_factory=dict)
    seconds: float = 0.0
    judged: Counter[str] = field(default_factory=Counter)
    """Its decisions by department, of the messages that people checked."""

    right: Counter[str] = field(default_factory=Counter)
    """Those of them that people left in the department."""

    load: Counter[tuple[str, int]] = field(default_factory=Counter)
    """New items by department and hour of the day."""

    firings: Counter[str] = field(default_factory=Counter)
    triage: int = 0

    def analyse(self, messages: list[Message]) -> list[TextAnalysis]:
        """Return the analyses of a batch."""
        began = time.perf_counter()
        analyses = analyse(messages, self.policy)
        self.seconds += time.perf_counter() - began
        return analyses

    def decide(
        self, message: Message, analysis: TextAnalysis, incident: Incident | None
    ) -> Decision:
        """Return the decision on a message, with its conversation and the incident of the time."""
        began = time.perf_counter()
        state = self.states.get(message.conversation)
        policy = replace(self.policy, incidents=(incident,)) if incident else self.policy
        result = decide_message(message, state, policy, message.received_at, analysis)
        if result.state is not None:
            self.states[message.conversation] = result.state
        self.seconds += time.perf_counter() - began
        return result.decision

    def apply(self, outcome: Outcome) -> None:
        """Apply a person's outcome to its conversation."""
        state = self.states.get(outcome.conversation)
        result = apply_outcome(outcome, state, self.policy.departments, outcome.at)
        changed = result.state if isinstance(result, RoutingResult) else result
        if changed is not None:
            self.states[outcome.conversation] = changed

    def count(self, decision: Decision, hour: int) -> None:
        """Count the load, the triage and the rules of a decision."""
        if decision.action in ("queue", "triage"):
            self.load[decision.department, hour] += 1
        self.triage += decision.action == "triage"
        self.firings.update({r.id for r in decision.reasons if r.kind == "rule"})

    def judge(self, decision: Decision, department: str) -> None:
        """Compare a decision with the department where people left the message."""
        self.judged[decision.department] += 1
        self.right[department] += decision.department == department

    def name(self) -> str:
        """Return the versions of the rules and models."""
        return " ".join((self.policy.pack.version, *(m.name for m in self.policy.models)))
