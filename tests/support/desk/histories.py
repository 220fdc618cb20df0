"""The rules that each history of agents at the desk must keep, whatever Redis and Kafka did.

An act is one call of an agent with its answer. The outcomes of Kafka, in their order, say which
closings count, which are the first for their messages.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.outcome import MOVES, Outcome, closed_messages

Answer = Literal["ok", "refused", "unsure"]
KINDS = {"complete": "resolved", "reroute": "rerouted", "escalate": "escalated"}
MessageHops = tuple[str, int]
"""A message and its hops, which one outcome can close."""


@dataclass(frozen=True)
class Act:
    """One call of an agent; `unsure` is an answer 503 or no answer.

    `era` counts the histories of Redis, -1 for a call that began in one and ended in another.
    `published` says whether the call brought an outcome into Kafka.
    """

    agent: str
    verb: str
    lease: str
    conversation: str
    messages: tuple[MessageHops, ...]
    start: float
    end: float
    answer: Answer
    era: int = 0
    published: bool = True


def counted_closings(outcomes: Iterable[Outcome]) -> dict[MessageHops, Outcome]:
    """Return the outcome that counts for each message; `outcomes` in the order of Kafka."""
    closed: dict[MessageHops, Outcome] = {}
    for outcome in outcomes:
        for message_hops in closed_messages(outcome):
            closed.setdefault(message_hops, outcome)
    return closed


def violations(
    acts: Sequence[Act], outcomes: Sequence[Outcome], queued: Sequence[MessageHops]
) -> list[str]:
    """Return every broken rule in a sentence; empty for a history that keeps to all."""
    closed = counted_closings(outcomes)
    broken = [
        f"{message_hops} is in a queue {n} times"
        for message_hops, n in Counter(queued).items()
        if n > 1
    ]
    broken += [
        f"{message_hops} was never finished"
        for message_hops in queued
        if message_hops not in closed
    ]
    for (message, hops), outcome in closed.items():
        if outcome.kind in MOVES and (message, hops + 1) not in set(queued):
            broken.append(f"{message} was moved by {outcome.agent} and is in no queue")
    for act in acts:
        if act.answer == "ok" and act.verb in KINDS:
            broken += _uncounted(act, closed)
    return broken + _refused_repeats(acts, closed) + _shared_leases(acts)


def _uncounted(act: Act, closed: dict[MessageHops, Outcome]) -> list[str]:
    """Return the messages for which an act was answered with success and does not count."""
    broken = []
    for message_hops in act.messages:
        outcome = closed.get(message_hops)
        if outcome is None or (outcome.agent, outcome.kind) != (act.agent, KINDS[act.verb]):
            winner = f"{outcome.kind} by {outcome.agent}" if outcome else "nothing"
            broken.append(
                f"{act.agent}'s {act.verb} of {message_hops} was answered 200; {winner} counts"
            )
    return broken


def _refused_repeats(acts: Sequence[Act], closed: dict[MessageHops, Outcome]) -> list[str]:
    """Return the repeats that were refused although the act without an answer counts.

    Only within one era: a Redis that lost its history knows no lease of it. An act that brought no
    outcome into Kafka can't count. Its agent may have closed the item later, under another lease.
    """
    broken, unsure = [], {}
    for act in acts:
        if act.verb not in KINDS or act.era < 0:
            continue
        if act.answer == "unsure" and act.published:
            unsure[act.lease, act.verb] = act.era
        elif act.answer == "refused" and unsure.get((act.lease, act.verb)) == act.era:
            winners = {(o.agent, o.kind) for p in act.messages if (o := closed.get(p))}
            if winners == {(act.agent, KINDS[act.verb])}:
                broken.append(f"{act.agent}'s {act.verb} counts, and its repeat was refused")
    return broken


def _shared_leases(acts: Sequence[Act]) -> list[str]:
    """Return the conversations that two leases held in turns: one, the other, and the one again.

    A message that was moved waits in another department with more hops, so only leases on the
    same message at the same hops are compared. An older Redis may know a lease that ended in the
    lost history, so each era is judged alone.
    """
    by_conversation = defaultdict(list)
    for act in acts:
        if act.answer == "ok" and act.era >= 0:
            by_conversation[act.conversation, act.era].append(act)
    broken = []
    for (conversation, _), own in by_conversation.items():
        spans: dict[str, tuple[float, float]] = {}
        messages: defaultdict[str, set[MessageHops]] = defaultdict(set)
        for act in own:
            first, last = spans.get(act.lease, (act.end, act.start))
            spans[act.lease] = min(first, act.end), max(last, act.start)
            messages[act.lease] |= set(act.messages)
        for act in own:
            for lease, (first, last) in spans.items():
                if lease == act.lease or messages[lease].isdisjoint(act.messages):
                    continue
                if first < act.start and act.end < last:
                    broken.append(f"{conversation}: {act.agent} had a lease during another's")
    return broken
