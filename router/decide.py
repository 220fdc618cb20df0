"""Messages and the state of their conversations -> decisions and new states. Pure.

Before: run.py read a batch, in the order of its partitions. After: run.py writes all of it in one
transaction. Same rules, state and message: same decision, in every process and at every time
(`decided_at` is given). Outcomes of people are applied here too.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

import msgspec

from router.entities import Pattern, entities
from router.language import languages
from router.model import Model, Reading
from router.priority import marks
from router.rules import Hit, Pack
from router.standing import NOBODY, Standing
from router.terms import Belongs, belongs, places, terms, trouble
from schemas import conversation as states
from schemas.conversation import ConversationState
from schemas.decision import (
    PERSONAL,
    TRIAGE,
    Decision,
    Due,
    Entity,
    Evidence,
    Guess,
    Reason,
    RunnerUp,
    WorkItem,
)
from schemas.departments import Department
from schemas.fold import fold
from schemas.incident import Incident
from schemas.message import Message
from schemas.otherwise import POINT, UNSURE
from schemas.outcome import MOVES, Outcome

IMPORTED = "imported"
"""The flag of history: it is decided and stored, and waits for nobody."""
SPAM = "spam"
"""The flag of what is sent to everybody: people look at it last, no answer goes out by itself."""

DECIDED_ON = 20_000
"""Characters looked at; nobody's first concern stands behind them."""

ESCALATED_PRIORITY = 25
_WAITING = 10
"""Points for a customer who writes again after the promised time for a first answer."""

_UNKNOWN = 0.05
"""The share of a department that the model never heard of: it has no opinion, so rules that weigh
4.3 together are an even match for its certainty."""

_LEAST = 0.0001


@dataclass(frozen=True, slots=True)
class Read:
    """A message's text as it is decided on, folded, its language, and what the models make of it,
    by their tasks."""

    text: str
    folded: str
    language: str
    models: dict[str, Reading]


Look = Callable[[str], ConversationState | None]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What decisions are made by: rules, threshold, the departments that exist, the incidents that
    are open, and how much more urgent their messages are (open, confirmed by people)."""

    pack: Pack
    threshold: float
    departments: dict[str, Department]
    models: tuple[Model, ...] = ()
    patterns: tuple[Pattern, ...] = ()
    incidents: tuple[Incident, ...] = ()
    points: tuple[int, int] = (0, 0)
    standing: Standing = NOBODY

    @property
    def model(self) -> str | None:
        """What the models are called in a decision."""
        return " ".join(m.name for m in self.models) or None


@dataclass(frozen=True, kw_only=True)
class Decided:
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
    text = f"{message.subject}\n{message.text}" if message.subject else message.text
    return text[:DECIDED_ON]


def readings(batch: Sequence[Message], policy: Policy) -> list[Read]:
    """Read the messages of a batch at once, for that is quicker; what is read of one does not
    depend on the others."""
    texts = list(map(text_of, batch))
    folded = list(map(fold, texts))
    said = languages(texts, folded)
    made = [Read(t, f, s, {}) for t, f, s in zip(texts, folded, said, strict=True)]
    for model in policy.models:
        for place, reading in zip(made, model.read(texts), strict=True):
            place.models[model.head.task] = reading
    return made


def one(
    message: Message, state: ConversationState | None, policy: Policy, now: datetime,
    read: Read | None = None,
) -> Decided:  # fmt: skip
    """Decide one message; `read` is what was read of it in its batch."""
    if state is not None and states.has_seen(state, message.id):
        return Decided(decision=_repeat(message, state, policy, now), state=None, item=None)
    if read is None:
        (read,) = readings((message,), policy)
    found = entities(read.text, read.folded, policy.patterns)
    text, folded, said = read.text, read.folded, read.language
    hits = policy.pack.hits(text, folded)
    ranking = ranked(hits, read.models.get("department"), policy)
    if said == "und" and state is not None:
        said = state.language
    who = _who(message)
    flags = [*message.flags, *dict.fromkeys([h.rule.flag for h in hits if h.rule.flag])]
    reasons = [_reason(h, policy) for h in hits]
    if policy.models:
        reasons += [_of_model(m, read.models[m.head.task], text) for m in policy.models]
    if state is not None and state.department not in policy.departments:
        # The department was closed since: triage is where its conversations go on.
        state = msgspec.structs.replace(state, department=TRIAGE)
    live = state is not None and state.status != "quiet"
    action, department, why = _placed(message, state, ranking, policy, flags)
    if why is not None:
        reasons.append(why)
    if action == "append" and live and state is not None:
        _noted(message, state, who, flags, reasons)
    marked = marks(hits)
    mood, intent = read.models.get("sentiment"), read.models.get("intent")
    meant = intent.best.label if intent else _intent(hits, folded)
    feeling, topics = _mood(mood, marked.sentiment), tuple(_topics(hits))
    spoken = action != "automatic" and message.event is None and SPAM not in flags
    part = None
    if policy.incidents and spoken:
        troubled = trouble(meant, feeling, marked.severity)
        part = _part(message.brand, folded, topics, troubled, policy)
    if part is not None:
        reasons.append(_of_incident(part, text, folded))
    held = state if live and action == "append" else None
    stays, points = _urgency(message, held, marked.priority, part, policy, reasons, spoken=spoken)
    personal = [e for e in found if e.kind in PERSONAL]
    if personal:
        reasons = _masked(reasons, personal)
    confidence = 1.0 if action in ("append", "automatic") else (ranking[0][1] if ranking else 0.0)
    decision = Decision(
        message=message.id, brand=message.brand, channel=message.channel,
        conversation=message.conversation, department=department,
        intent=meant, topics=topics, language=said, sentiment=feeling, severity=marked.severity,
        priority=points, confidence=confidence, reasons=tuple(reasons),
        runner_up=_runner_up(ranking, department, policy),
        guesses=_guesses(ranking) if action == "triage" else (), entities=found,
        flags=tuple(flags), action=action,  # type: ignore[arg-type]  # one of Action's words
        hops=state.hops if state else 0,
        pack=policy.pack.version, model=policy.model, threshold=policy.threshold,
        incident=part.incident.id if part else None, decided_at=now,
    )  # fmt: skip
    after = _after(message, state, decision, who, now, stays, spoken=spoken)
    waits = message.event is None or live
    item = work_item(message, decision, policy) if action != "automatic" and waits else None
    return Decided(decision=decision, state=after, item=item)


def _urgency(
    message: Message, held: ConversationState | None, points: int, part: Belongs | None,
    policy: Policy, reasons: list[Reason], *, spoken: bool,
) -> tuple[int, int]:  # fmt: skip
    """Return the priority that stays with the conversation and that of this message, from 0 to
    100; say in `reasons` what was added to the rules' points."""
    if part is not None:
        points += policy.points[part.incident.status == "confirmed"]
    standing = policy.standing.of(message.sender) if spoken else None
    if standing is not None:
        points += standing[1]
        reasons.append(_of_standing(standing[0], policy.standing.version))
    points = max(0, min(100, points))
    if held is None:
        return points, points
    points = max(points, held.priority)
    waited = _waited(message, held, policy) if spoken else None
    if waited is None:
        return points, points
    reasons.append(_of_waiting(waited))
    return points, min(100, points + _WAITING)


def _waited(message: Message, held: ConversationState, policy: Policy) -> timedelta | None:
    """Return how long a customer who writes again has waited, if that is longer than promised."""
    if held.status != "open" or held.unanswered_since is None:
        return None
    waited = message.received_at - held.unanswered_since
    promised = policy.departments[held.department].first_response
    return waited if waited > promised else None


def _of_waiting(waited: timedelta) -> Reason:
    hours = max(1, round(waited.total_seconds() / 3600))
    return Reason(
        kind="state",
        id="state.waiting",
        version=VERSION,
        weight=float(_WAITING),
        text_tr=f"{hours} saattir yanıt bekliyor, yeniden yazdı",
        text_en=f"writes again after {hours} hours without an answer",
    )


def _of_standing(standing: str, version: str) -> Reason:
    return Reason(
        kind="state", id="state.standing", version=version, text_tr=f"müşteri: {standing}",
        text_en=f"customer: {standing}",
    )  # fmt: skip


def _topics(hits: Sequence[Hit]) -> dict[str, None]:
    return dict.fromkeys(t for h in hits for t in h.rule.topics)


def _part(
    brand: str, folded: str, topics: tuple[str, ...], troubled: bool, policy: Policy
) -> Belongs | None:
    """Return the open incident that a message belongs to."""
    mine = [i for i in policy.incidents if i.brand == brand]
    return belongs(terms(folded, topics), troubled, mine) if mine else None


def _of_incident(part: Belongs, text: str, folded: str) -> Reason:
    """Return the reason that names the incident, with the words that say so."""
    found = places(folded, part.terms)
    return Reason(
        kind="state", id="state.incident", version=VERSION, weight=round(part.score, 3),
        evidence=tuple([Evidence(start=a, end=b, text=text[a:b]) for a, b in found]),
        text_tr=f"açık bir olayın parçası: {part.incident.title}",
        text_en=f"is part of an open incident: {part.incident.title}",
    )  # fmt: skip


def _placed(
    message: Message, state: ConversationState | None, ranking: list[tuple[str, float]],
    policy: Policy, flags: list[str],
) -> tuple[str, str, Reason | None]:  # fmt: skip
    """Return action and department of a message, and the reason where it is not the rules'."""
    sure = bool(ranking) and ranking[0][1] >= policy.threshold
    best = ranking[0][0] if sure else TRIAGE
    held = state.department if state else TRIAGE
    if message.automatic is not None:
        flags.append(message.automatic.kind)
        return "automatic", held, _AUTOMATIC
    if IMPORTED in message.flags:
        return "automatic", held if state else best, _IMPORTED
    if message.event is not None:
        return "append", held, _EVENT
    if state is not None and state.status != "quiet":
        return "append", held, _FOLLOW_UP
    if SPAM in flags:
        return "triage", TRIAGE, _SPAM
    return ("queue", best, None) if sure else ("triage", TRIAGE, _UNSURE_REASON)


def _noted(
    message: Message, state: ConversationState, who: str, flags: list[str], reasons: list[Reason]
) -> None:
    """Flag what people should know of a follow-up: it opens what was closed, a stranger wrote."""
    if message.event is not None:
        return
    if state.status == "resolved":
        flags.append("reopened")
        reasons.append(_REOPENED)
    if message.kind == "mail" and state.participants and who not in state.participants:
        flags.append("new_participant")
        reasons.append(_STRANGER)


def apply(
    outcome: Outcome, state: ConversationState | None, policy: Policy, now: datetime
) -> Decided | ConversationState | None:
    """Apply what people did: a moved item as Decided, a new state, or None if nothing changes."""
    if state is not None and states.has_seen(state, outcome.id):
        return None
    if outcome.kind in MOVES and outcome.moved is not None:
        return _move(outcome, state or _forgotten(outcome, now), policy, now)
    if state is None:
        return None
    if outcome.kind == "resolved":
        return states.closed(state, outcome.id, outcome.at)
    if outcome.kind == "replied" and state.unanswered_since is not None:
        return states.answered(state, outcome.id, outcome.at)
    if outcome.kind == "reopened":
        return states.reopened(state, outcome.id, outcome.at)
    return None


def _move(outcome: Outcome, state: ConversationState, policy: Policy, now: datetime) -> Decided:
    """Put a moved item on its new queue, one hop further; too many hops end in triage."""
    assert outcome.moved is not None
    before = outcome.moved.decision
    target = outcome.to if outcome.to in policy.departments else TRIAGE
    flags, reasons, hops = list(before.flags), list(before.reasons), before.hops + 1
    if hops > states.HOP_LIMIT:
        target = TRIAGE
        flags.append("hop_limit")
        reasons.append(_HOPS)
    points = before.priority
    if outcome.kind == "escalated":
        points = min(100, points + ESCALATED_PRIORITY)
        flags.append("escalated")
    reasons.append(
        Reason(
            kind="state", id=f"people.{outcome.kind}", version=VERSION,
            text_tr=f"{outcome.department} bölümünden gönderildi: {outcome.reason}",
            text_en=f"sent by {outcome.department}: {outcome.reason}",
        )
    )  # fmt: skip
    decision = msgspec.structs.replace(
        before, department=target or TRIAGE, action="queue" if target != TRIAGE else "triage",
        hops=hops, priority=points, flags=tuple(dict.fromkeys(flags)), reasons=tuple(reasons),
        decided_at=now,
    )  # fmt: skip
    item = WorkItem(message=outcome.moved.message, decision=decision, due=outcome.moved.due)
    after = states.moved(state, outcome.id, decision.department, points, hops, outcome.at)
    return Decided(decision=decision, state=after, item=item)


def _forgotten(outcome: Outcome, now: datetime) -> ConversationState:
    """The state of a conversation that expired while its item lay at a desk."""
    return ConversationState(
        conversation=outcome.conversation, brand=outcome.brand, department=outcome.department,
        opened_at=now, updated_at=now,
    )  # fmt: skip


def work_item(message: Message, decision: Decision, policy: Policy) -> WorkItem:
    """Return the queue's record, with the times of the department's service level."""
    level = policy.departments[decision.department]
    return WorkItem(
        message=message, decision=decision,
        due=Due(
            first_response=message.received_at + level.first_response,
            resolution=message.received_at + level.resolution,
        ),
    )  # fmt: skip


def ranked(hits: Sequence[Hit], reading: Reading | None, policy: Policy) -> list[tuple[str, float]]:
    """Return the departments with their confidence, the best first; ties by name.

    With a model, each point of weight of a rule multiplies the odds that the model gives.
    """
    scores: dict[str, float] = {}
    for hit in hits:
        name = hit.rule.department
        if name is not None and name in policy.departments:
            scores[name] = scores.get(name, 0.0) + hit.rule.weight
    if reading is not None:
        return _together(scores, reading, policy)
    total = sum(scores.values()) + UNSURE
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(name, round(score / total, 4)) for name, score in ranked]


def _together(
    weights: dict[str, float], reading: Reading, policy: Policy
) -> list[tuple[str, float]]:
    shares = {
        n: max(reading.share_of(n), _LEAST) if n in reading.labels else _UNKNOWN for n in weights
    }
    for guess in (reading.best, reading.second):
        if guess.label in policy.departments and guess.label != TRIAGE:
            shares[guess.label] = guess.share
    odds = {n: p * math.exp(POINT * weights.get(n, 0.0)) for n, p in shares.items()}
    total = sum(odds.values()) + max(0.0, 1 - sum(shares.values()))
    ranking = sorted(odds.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(name, round(value / total, 4)) for name, value in ranking]


def _guesses(ranking: list[tuple[str, float]]) -> tuple[Guess, ...]:
    return tuple([Guess(department=name, confidence=share) for name, share in ranking[:2]])


def _runner_up(
    ranking: list[tuple[str, float]], department: str, policy: Policy
) -> RunnerUp | None:
    other = next((pair for pair in ranking if pair[0] != department), None)
    if other is None:
        return None
    name, confidence = other
    best = dict(ranking).get(department, 0.0)
    if any(m.head.task == "department" for m in policy.models) and best > confidence:
        more = math.log(best / max(confidence, _LEAST)) / POINT
        would = f"rules of {more:.1f} more weight"
    elif department == TRIAGE:
        would = f"a confidence of {policy.threshold:g} instead of {confidence:g}"
    else:
        would = f"{best - confidence:.2f} more of the evidence"
    return RunnerUp(department=name, confidence=confidence, would_win=would)


def _intent(hits: Sequence[Hit], folded: str) -> str:
    scores: dict[str, float] = {}
    for hit in hits:
        if hit.rule.intent:
            # A rule that names only an intent speaks of it; one for a department mentions it.
            weight = hit.rule.weight * (1.5 if hit.rule.department is None else 1.0)
            scores[hit.rule.intent] = scores.get(hit.rule.intent, 0.0) + weight
    if scores:
        return min(scores, key=lambda k: (-scores[k], k))
    return "information" if " nedir " in folded or " what " in folded else "request"


def _after(
    message: Message, state: ConversationState | None, decision: Decision, who: str, now: datetime,
    stays: int, *, spoken: bool,
) -> ConversationState:  # fmt: skip
    quiet = decision.action == "automatic" or (decision.action == "append" and state is None)
    if state is None or state.status == "quiet":
        return ConversationState(
            conversation=message.conversation, brand=message.brand,
            department=decision.department, status="quiet" if quiet else "open",
            language=decision.language, priority=stays,
            unanswered_since=message.received_at if spoken and not quiet else None,
            messages=1 + (state.messages if state else 0),
            seen=states.remember(state.seen if state else b"", message.id),
            participants=(who,) if who and not quiet else (), opened_at=now, updated_at=now,
        )  # fmt: skip
    return msgspec.structs.replace(
        state, status=state.status if quiet else "open",
        language=decision.language if decision.language != "und" else state.language,
        priority=state.priority if quiet else stays, messages=state.messages + 1,
        unanswered_since=(state.unanswered_since or message.received_at)
        if spoken else state.unanswered_since,
        seen=states.remember(state.seen, message.id), updated_at=max(now, state.updated_at),
        # A stranger stays one until people have answered them.
        participants=state.participants
        if quiet or "new_participant" in decision.flags
        else states.with_participant(state.participants, who),
    )  # fmt: skip


def _who(message: Message) -> str:
    """Return a short hash of the sender's first handle; empty when there is none."""
    handles = message.sender.handles
    return blake2b(handles[0].value.encode(), digest_size=6).hexdigest() if handles else ""


def _repeat(message: Message, state: ConversationState, policy: Policy, now: datetime) -> Decision:
    return Decision(
        message=message.id, brand=message.brand, channel=message.channel,
        conversation=message.conversation, department=state.department, intent="request",
        language=state.language, confidence=1.0, reasons=(_REPEAT,), action="repeat",
        hops=state.hops, pack=policy.pack.version, model=policy.model, decided_at=now,
    )  # fmt: skip


def _reason(hit: Hit, policy: Policy) -> Reason:
    rule = hit.rule
    name = rule.department or ""
    return Reason(
        kind="rule", id=rule.id, version=policy.pack.version, evidence=hit.evidence,
        weight=rule.weight, speaks_for=name if name in policy.departments else "",
        text_tr=rule.tr, text_en=rule.en,
    )  # fmt: skip


def _mood(reading: Reading | None, by_rules: float) -> float:
    """Return the model's mood, but for praise that rules find ironic or beside a complaint."""
    if reading is None:
        return by_rules
    return min(reading.mood, 0.0) + by_rules / 2 if reading.mood > 0 > by_rules else reading.mood


def _masked(reasons: list[Reason], personal: list[Entity]) -> list[Reason]:
    """Return the reasons without a person's numbers in the words that they quote."""

    def covered(e: Evidence) -> Evidence:
        if any(p.start < e.end and e.start < p.end for p in personal):
            return msgspec.structs.replace(e, text=re.sub(r"\w", "*", e.text))
        return e

    return [
        msgspec.structs.replace(r, evidence=tuple(map(covered, r.evidence))) if r.evidence else r
        for r in reasons
    ]


def _of_model(model: Model, reading: Reading, text: str) -> Reason:
    label, share = reading.best.label, reading.best.share
    return Reason(
        kind="model", id=f"model.{model.head.task}", version=model.name,
        evidence=tuple([Evidence(start=a, end=b, text=text[a:b]) for a, b in reading.words]),
        weight=share, text_tr=f"model: {label}, %{share * 100:.0f}",
        text_en=f"the model says {label}, {share * 100:.0f} %",
    )  # fmt: skip


VERSION = "1"


def _state_reason(identifier: str, tr: str, en: str) -> Reason:
    return Reason(
        kind="state", id=f"state.{identifier}", version=VERSION, text_tr=tr, text_en=en, weight=1.0
    )


_REPEAT = _state_reason("repeat", "bu ileti daha önce işlendi", "this message was handled before")
_FOLLOW_UP = _state_reason(
    "follow_up", "açık bir görüşmenin devamı", "goes on in a conversation that a department has"
)
_REOPENED = _state_reason(
    "reopened", "çözülmüş görüşme yeniden açıldı", "a resolved conversation is open again"
)
_STRANGER = _state_reason(
    "new_participant", "görüşmeye yeni biri katıldı, kontrol edin",
    "a new sender in this conversation: check who it is before you answer",
)  # fmt: skip
_IMPORTED = _state_reason("imported", "eski kayıt, işlem gerekmez", "history: no work is opened")
_AUTOMATIC = _state_reason("automatic", "bir makine yazmış", "written by a machine")
_EVENT = _state_reason("event", "önceki bir iletiyi değiştiriyor", "an edit, deletion or reaction")
_UNSURE_REASON = _state_reason(
    "unsure", "hiçbir bölüm yeterince kesin değil", "no department is certain enough"
)
_SPAM = _state_reason(
    "spam", "istenmeyen iletiye benziyor, bölümlere gitmez",
    "looks like spam: kept from the departments",
)  # fmt: skip
_HOPS = _state_reason(
    "hop_limit", "çok kez yönlendirildi, ön değerlendirmeye alındı",
    "moved too often: triage decides",
)  # fmt: skip
