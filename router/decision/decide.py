"""Messages and the state of their conversations -> decisions and new states. Pure.

Before: run.py read a batch, in the order of its partitions. After: run.py writes all of it in one
transaction. Same rules, state and message: same decision, in every process and at every time
(`decided_at` is given). Outcomes of people are applied here too.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from router.decision import reasons
from router.decision.policy import IMPORTED, SPAM, UNREADABLE, Policy, Read
from router.decision.priority import urgency
from router.decision.ranking import guesses, runner_up, with_model
from router.decision.rule_summary import together
from router.models.language import languages
from router.models.model import Reading
from router.text.entities import entities
from router.text.terms import Belongs, belongs, terms, trouble
from schemas.decision import TRIAGE, Decision, Due, Reason, WorkItem
from schemas.message import Message
from schemas.outcome import MOVES, Outcome, closed_messages
from schemas.state import conversation as states
from schemas.state.conversation import ConversationState
from schemas.text.fold import fold

DECIDED_ON = 20_000
"""Characters looked at; nobody's first concern stands behind them."""

ESCALATED_PRIORITY = 25
"""Points for what people escalate."""

Look = Callable[[str], ConversationState | None]


class Decided(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A decision, the state after it, and the work item if a queue gets one."""

    decision: Decision
    state: ConversationState | None
    item: WorkItem | None


def decide(batch: Sequence[Message], look: Look, policy: Policy, now: datetime) -> list[Decided]:
    """Decide a batch in order; a later message of a conversation sees the state an earlier left."""
    fresh: dict[str, ConversationState] = {}
    made = []
    for message, read in zip(batch, readings(batch, policy), strict=True):
        state = fresh.get(message.conversation) or look(message.conversation)
        decided = one(message, state, policy, now, read)
        if decided.state is not None:
            fresh[message.conversation] = decided.state
        made.append(decided)
    return made


def text_of(message: Message) -> str:
    """Return what a message is decided on."""
    return message.decided_text[:DECIDED_ON]


def readings(batch: Sequence[Message], policy: Policy) -> list[Read]:
    """Read the messages of a batch at once, for that is quicker; what is read of one does not
    depend on the others."""
    texts = list(map(text_of, batch))
    folded = list(map(fold, texts))
    words = list(map(str.split, folded))
    said = languages(texts, words)
    hits = list(map(policy.pack.hits, texts, folded, words))
    made = list(map(Read, texts, folded, words, said, hits, [{} for _ in texts]))
    for model in policy.models:
        known = hits if model.head.pack == policy.pack.version else None
        for place, reading in zip(made, model.read(texts, known), strict=True):
            place.models[model.head.task] = reading
    return made


def one(
    message: Message,
    state: ConversationState | None,
    policy: Policy,
    now: datetime,
    read: Read | None = None,
) -> Decided:
    """Decide one message; `read` is what was read of it in its batch."""
    if state is not None and states.has_seen(state, message.id):
        return Decided(decision=_repeat(message, state, policy, now), state=None, item=None)
    if read is None:
        (read,) = readings((message,), policy)
    found = entities(read.text, read.folded, policy.patterns)
    text, folded, said = read.text, read.folded, read.language
    hits = read.hits
    rules = together(hits, policy)
    opinion = read.models.get("department")
    ranking = with_model(rules.weights, opinion, policy) if opinion else rules.ranking
    if said == "und" and state is not None:
        said = state.language
    who = _who(message)
    flags = [*message.flags, *rules.flags]
    told = reasons.of_rules(hits, policy)
    if policy.models:
        told += [reasons.of_model(m, read.models[m.head.task], text) for m in policy.models]
    if state is not None and state.department not in policy.departments:
        # The department was closed since: triage is where its conversations go on.
        state = msgspec.structs.replace(state, department=TRIAGE)
    live = state is not None and state.status != "quiet"
    action, department, why = _placed(message, state, ranking, policy, flags)
    if why is not None:
        told.append(why)
    if action == "append" and live and state is not None:
        _noted(message, state, who, flags, told)
    marked, topics = rules.marks, rules.topics
    intent = read.models.get("intent")
    meant = intent.best.label if intent else rules.intent or _asked(folded)
    feeling = _mood(read.models.get("sentiment"), marked.sentiment)
    spoken = action != "automatic" and message.event is None and SPAM not in flags
    part = None
    if policy.incidents and spoken:
        troubled = trouble(meant, feeling, marked.severity)
        part = _part(message.brand, folded, topics, troubled, policy)
    if part is not None:
        told.append(reasons.of_incident(part, text, folded))
    held = state if live and action == "append" else None
    stays, points = urgency(message, held, marked.priority, part, policy, told, spoken=spoken)
    told = reasons.masked(told, text, found)
    confidence = 1.0 if action in ("append", "automatic") else (ranking[0][1] if ranking else 0.0)
    decision = Decision(
        message=message.id,
        brand=message.brand,
        channel=message.channel,
        conversation=message.conversation,
        department=department,
        intent=meant,
        topics=topics,
        language=said,
        sentiment=feeling,
        severity=marked.severity,
        priority=points,
        confidence=confidence,
        reasons=tuple(told),
        runner_up=runner_up(ranking, department, policy),
        guesses=guesses(ranking) if action == "triage" else (),
        entities=found,
        flags=tuple(flags),
        action=action,  # type: ignore[arg-type]  # one of Action's words
        hops=state.hops if state else 0,
        pack=policy.pack.version,
        model=policy.model,
        threshold=policy.threshold,
        incident=part.incident.id if part else None,
        decided_at=now,
    )
    after = _after(message, state, decision, who, now, stays, spoken=spoken)
    waits = message.event is None or live
    item = work_item(message, decision, policy) if action != "automatic" and waits else None
    return Decided(decision=decision, state=after, item=item)


def _part(
    brand: str, folded: str, topics: tuple[str, ...], troubled: bool, policy: Policy
) -> Belongs | None:
    """Return the open incident that a message belongs to."""
    mine = [i for i in policy.incidents if i.brand == brand]
    return belongs(terms(folded, topics), troubled, mine) if mine else None


def _placed(
    message: Message,
    state: ConversationState | None,
    ranking: list[tuple[str, float]],
    policy: Policy,
    flags: list[str],
) -> tuple[str, str, Reason | None]:
    """Return action and department of a message, and the reason where it is not the rules'."""
    sure = bool(ranking) and ranking[0][1] >= policy.threshold
    best = ranking[0][0] if sure else TRIAGE
    held = state.department if state else TRIAGE
    if message.automatic is not None:
        flags.append(message.automatic.kind)
        return "automatic", held, reasons.AUTOMATIC
    if UNREADABLE in message.repaired:
        flags.append(UNREADABLE)
    if IMPORTED in message.flags:
        return "automatic", held if state else best, reasons.IMPORTED
    if message.event is not None:
        return "append", held, reasons.EVENT
    if state is not None and state.status != "quiet":
        return "append", held, reasons.FOLLOW_UP
    if UNREADABLE in flags:
        return "triage", TRIAGE, reasons.UNREADABLE
    if SPAM in flags:
        return "triage", TRIAGE, reasons.SPAM
    return ("queue", best, None) if sure else ("triage", TRIAGE, reasons.UNSURE)


def _noted(
    message: Message, state: ConversationState, who: str, flags: list[str], told: list[Reason]
) -> None:
    """Flag what people should know of a follow-up: it opens what was closed, a stranger wrote."""
    if message.event is not None:
        return
    if state.status == "resolved":
        flags.append("reopened")
        told.append(reasons.REOPENED)
    if message.kind == "mail" and state.participants and who not in state.participants:
        flags.append("new_participant")
        told.append(reasons.STRANGER)


def apply(
    outcome: Outcome, state: ConversationState | None, policy: Policy, now: datetime
) -> Decided | ConversationState | None:
    """Apply what people did: a moved item as Decided, a new state, or None if nothing changes."""
    if state is not None and (states.has_seen(state, outcome.id) or is_superseded(outcome, state)):
        return None
    if outcome.kind in MOVES and outcome.moved is not None:
        return _move(outcome, state or _forgotten(outcome, now), policy, now)
    if state is None:
        return None
    if outcome.kind == "resolved":
        # After another agent moved some of the messages, the conversation goes on.
        partial = any(_closed_before(outcome, state))
        after = (states.noted if partial else states.closed)(state, outcome.id, outcome.at)
        return states.with_closed(after, closed_messages(outcome))
    if outcome.kind == "replied" and state.unanswered_since is not None:
        return states.answered(state, outcome.id, outcome.at)
    if outcome.kind == "reopened":
        return states.reopened(state, outcome.id, outcome.at)
    return None


def is_superseded(outcome: Outcome, state: ConversationState) -> bool:
    """Say whether earlier outcomes closed all of the same messages at the same hops.

    Then another agent was first: the lines in Redis were lost or older when both had the item.
    """
    before = _closed_before(outcome, state)
    return bool(before) and all(before) and not states.has_seen(state, outcome.id)


def _closed_before(outcome: Outcome, state: ConversationState) -> list[bool]:
    """Say of each message that an outcome closes whether an earlier one did."""
    return [
        states.has_seen(state, states.closing_key(message, hops))
        for message, hops in closed_messages(outcome)
    ]


def _move(outcome: Outcome, state: ConversationState, policy: Policy, now: datetime) -> Decided:
    """Put a moved item on its new queue, one hop further; too many hops end in triage."""
    assert outcome.moved is not None
    before = outcome.moved.decision
    target = outcome.to if outcome.to in policy.departments else TRIAGE
    flags, told, hops = list(before.flags), list(before.reasons), before.hops + 1
    if hops > states.HOP_LIMIT:
        target = TRIAGE
        flags.append("hop_limit")
        told.append(reasons.HOPS)
    points = before.priority
    if outcome.kind == "escalated":
        points = min(100, points + ESCALATED_PRIORITY)
        flags.append("escalated")
    told.append(
        Reason(
            kind="state",
            id=f"people.{outcome.kind}",
            version=reasons.VERSION,
            text_tr=f"{outcome.department} bölümünden gönderildi: {outcome.reason}",
            text_en=f"sent by {outcome.department}: {outcome.reason}",
        )
    )
    decision = msgspec.structs.replace(
        before,
        department=target or TRIAGE,
        action="queue" if target != TRIAGE else "triage",
        hops=hops,
        priority=points,
        flags=tuple(dict.fromkeys(flags)),
        reasons=tuple(told),
        decided_at=now,
    )
    item = WorkItem(message=outcome.moved.message, decision=decision, due=outcome.moved.due)
    after = states.moved(state, outcome.id, decision.department, points, hops, outcome.at)
    after = states.with_closed(after, closed_messages(outcome))
    return Decided(decision=decision, state=after, item=item)


def _forgotten(outcome: Outcome, now: datetime) -> ConversationState:
    """The state of a conversation that expired while its item lay at a desk."""
    return ConversationState(
        conversation=outcome.conversation,
        brand=outcome.brand,
        department=outcome.department,
        opened_at=now,
        updated_at=now,
    )


def work_item(message: Message, decision: Decision, policy: Policy) -> WorkItem:
    """Return the queue's record, with the times of the department's service level."""
    level = policy.departments[decision.department]
    return WorkItem(
        message=message,
        decision=decision,
        due=Due(
            first_response=message.received_at + level.first_response,
            resolution=message.received_at + level.resolution,
        ),
    )


def _after(
    message: Message,
    state: ConversationState | None,
    decision: Decision,
    who: str,
    now: datetime,
    stays: int,
    *,
    spoken: bool,
) -> ConversationState:
    quiet = decision.action == "automatic" or (decision.action == "append" and state is None)
    if state is None or state.status == "quiet":
        return ConversationState(
            conversation=message.conversation,
            brand=message.brand,
            department=decision.department,
            status="quiet" if quiet else "open",
            language=decision.language,
            priority=stays,
            unanswered_since=message.received_at if spoken and not quiet else None,
            messages=1 + (state.messages if state else 0),
            seen=states.remember(state.seen if state else b"", message.id),
            participants=(who,) if who and not quiet else (),
            opened_at=now,
            updated_at=now,
        )
    return msgspec.structs.replace(
        state,
        status=state.status if quiet else "open",
        language=decision.language if decision.language != "und" else state.language,
        priority=state.priority if quiet else stays,
        messages=state.messages + 1,
        unanswered_since=(state.unanswered_since or message.received_at)
        if spoken
        else state.unanswered_since,
        seen=states.remember(state.seen, message.id),
        updated_at=max(now, state.updated_at),
        # A stranger stays one until people have answered them.
        participants=state.participants
        if quiet or "new_participant" in decision.flags
        else states.with_participant(state.participants, who),
    )


def _who(message: Message) -> str:
    """Return a short hash of the sender's first handle; empty when there is none."""
    handles = message.sender.handles
    return states.participant(handles[0].value) if handles else ""


def _repeat(message: Message, state: ConversationState, policy: Policy, now: datetime) -> Decision:
    return Decision(
        message=message.id,
        brand=message.brand,
        channel=message.channel,
        conversation=message.conversation,
        department=state.department,
        intent="request",
        language=state.language,
        confidence=1.0,
        reasons=(reasons.REPEAT,),
        action="repeat",
        hops=state.hops,
        pack=policy.pack.version,
        model=policy.model,
        decided_at=now,
    )


def _asked(folded: str) -> str:
    """Return the intent of a text of which no rule names one."""
    return "information" if " nedir " in folded or " what " in folded else "request"


def _mood(reading: Reading | None, by_rules: float) -> float:
    """Return the model's mood, but for praise that rules find ironic or beside a complaint."""
    if reading is None:
        return by_rules
    return min(reading.mood, 0.0) + by_rules / 2 if reading.mood > 0 > by_rules else reading.mood
