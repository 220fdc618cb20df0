"""Messages and the states of their conversations -> decisions and next states. Pure.

A decision is the work of five steps: analyse the text, summarize its rules, choose the department,
state the reasons, and compute the next state. The same policy, state and message give the same
decision in every process and at every time, because the caller passes the time in.
"""

from datetime import datetime

import msgspec

from router.decision import reasons
from router.decision.analysis import TextAnalysis, analyse
from router.decision.department_choice import (
    SPAM,
    DepartmentChoice,
    choose_again,
    choose_department,
    flag_follow_up,
    flag_goodbye,
    is_left_in_triage,
    says_goodbye,
)
from router.decision.incident_match import IncidentMatch, is_trouble, match_incident
from router.decision.next_state import next_state
from router.decision.policy import Policy
from router.decision.priority import AdjustedPriority, adjust_priority
from router.decision.ranking import Ranking, first_guesses, rank_with_model, runner_up
from router.decision.rule_summary import RuleSummary
from router.models.model import Prediction
from router.text.entities import find_entities
from router.text.terms import find_terms
from schemas.base import Record
from schemas.decision import TRIAGE, Decision, Reason, WorkItem
from schemas.message import Message
from schemas.routing.departments import due_times
from schemas.state import conversation as states
from schemas.state.conversation import ConversationState


class RoutingResult(Record, frozen=True):
    """A decision, the state after it, and the work item if a queue gets one."""

    decision: Decision
    state: ConversationState | None
    item: WorkItem | None


def decide_message(
    message: Message,
    state: ConversationState | None,
    policy: Policy,
    now: datetime,
    analysis: TextAnalysis | None = None,
) -> RoutingResult:
    """Return the result of one message; a batch passes the `analysis` of its text in."""
    if state is not None and states.has_seen(state, message.id):
        return RoutingResult(decision=_repeat(message, state, policy, now), state=None, item=None)
    if analysis is None:
        (analysis,) = analyse((message,), policy)
    if state is not None and state.department not in policy.departments:
        # Triage takes over the conversations of a department that no longer exists.
        state = msgspec.structs.replace(state, department=TRIAGE)
    return _decide_unseen(message, state, policy, now, analysis)


class _Assessment(Record, frozen=True):
    """The meaning of a text by its rules and predictions, whatever its conversation is."""

    rules: RuleSummary
    ranking: Ranking
    intent: str
    sentiment: float


def _decide_unseen(
    message: Message,
    state: ConversationState | None,
    policy: Policy,
    now: datetime,
    analysis: TextAnalysis,
) -> RoutingResult:
    """Return the result of a message that is not a repeat."""
    assessment = _assess(analysis, policy)
    rules, ranking = assessment.rules, assessment.ranking
    choice = choose_department(message, state, ranking, rules.flags, policy.threshold)
    is_live = state is not None and state.status != "quiet"
    followed = state if is_live and choice.action == "append" else None
    is_goodbye = followed is not None and says_goodbye(choice, message, followed)
    if is_goodbye:
        choice, assessment = flag_goodbye(choice), _thankful(assessment)
    elif followed is not None:
        if is_left_in_triage(choice, message, followed):
            ranking = _assess(_analyse_together(message, followed, policy), policy).ranking
            choice = choose_again(choice, ranking, policy.threshold)
        choice = flag_follow_up(choice, message, followed)
    action, department = choice.action, choice.department
    in_triage = action == "triage" or reasons.UNSURE in choice.reasons
    from_person = action != "automatic" and message.event is None and SPAM not in choice.flags
    # The work on an open conversation keeps the severity and the flags of its messages.
    keeps = from_person and not is_goodbye and followed is not None and followed.status == "open"
    earlier = followed if keeps else None
    match = None
    if from_person and policy.incidents and not is_goodbye:
        match = _match_open_incident(message.brand, analysis, assessment, policy)
    points = rules.scores.priority
    priority = _adjust(points, message, followed, match, policy, from_person=from_person)
    entities = find_entities(analysis.text, analysis.folded, policy.patterns)
    stated = _reasons(analysis, policy, choice, match, priority)
    has_model = "department" in analysis.predictions
    decision = Decision(
        message=message.id,
        brand=message.brand,
        channel=message.channel,
        conversation=message.conversation,
        department=department,
        intent=assessment.intent,
        topics=rules.topics,
        language=_language(analysis, state),
        sentiment=assessment.sentiment,
        severity=max(rules.scores.severity, earlier.severity if earlier is not None else 0),
        priority=priority.message,
        confidence=_confidence(ranking) if in_triage or action == "queue" else 1.0,
        reasons=reasons.mask_evidence(stated, analysis.text, entities),
        runner_up=runner_up(ranking, department, policy.threshold, by_model=has_model),
        guesses=first_guesses(ranking) if in_triage else (),
        entities=entities,
        flags=choice.flags
        if earlier is None
        else tuple(dict.fromkeys((*choice.flags, *earlier.flags))),
        action=action,
        hops=state.hops if state is not None else 0,
        pack=policy.pack.version,
        model=policy.model_names,
        threshold=policy.threshold,
        incident=match.incident.id if match is not None else None,
        decided_at=now,
    )
    after = next_state(
        message, state, decision, priority.conversation, now, from_person=from_person
    )
    # A queue waits for people's messages, and for events of a conversation that people know.
    waits = action != "automatic" and (message.event is None or is_live) and not is_goodbye
    item = _work_item(message, decision, policy, now) if waits else None
    return RoutingResult(decision=decision, state=after, item=item)


def _work_item(message: Message, decision: Decision, policy: Policy, now: datetime) -> WorkItem:
    """Return the record of a queue, with the times that the department promises."""
    due = due_times(policy.departments[decision.department], message.received_at, now)
    return WorkItem(message=message, decision=decision, due=due)


def _analyse_together(message: Message, state: ConversationState, policy: Policy) -> TextAnalysis:
    """Return the analysis of a message with the earlier words of its conversation before it."""
    words = f"{state.words}\n{message.decided_text}"
    (analysis,) = analyse((msgspec.structs.replace(message, subject="", text=words),), policy)
    return analysis


def _assess(analysis: TextAnalysis, policy: Policy) -> _Assessment:
    """Return the meaning of a text; predictions count before the rules."""
    rules = policy.summarizer.summarize(analysis.hits)
    predictions = analysis.predictions
    ranking, intent = rules.ranking, rules.intent
    if (department := predictions.get("department")) is not None:
        ranking = rank_with_model(rules.weights, department, policy.departments)
    if (prediction := predictions.get("intent")) is not None:
        intent = prediction.best.label
    sentiment = _combined_sentiment(predictions.get("sentiment"), rules.scores.sentiment)
    return _Assessment(rules, ranking, intent or _default_intent(analysis.folded), sentiment)


def _thankful(assessment: _Assessment) -> _Assessment:
    """Return the meaning of a text that only says goodbye; its words of trouble are over."""
    return _Assessment(
        assessment.rules, assessment.ranking, "thanks", max(0.0, assessment.sentiment)
    )


def _default_intent(folded: str) -> str:
    """Return the intent of a text for which no rule names one."""
    return "information" if " nedir " in folded or " what " in folded else "request"


def _combined_sentiment(prediction: Prediction | None, by_rules: float) -> float:
    """Return the predicted sentiment; predicted praise of a text that rules blame is irony."""
    if prediction is None:
        return by_rules
    is_irony = prediction.sentiment > 0 and by_rules < 0
    return by_rules / 2 if is_irony else prediction.sentiment


def _match_open_incident(
    brand: str, analysis: TextAnalysis, assessment: _Assessment, policy: Policy
) -> IncidentMatch | None:
    """Return the open incident of the brand to which a message belongs."""
    incidents = [incident for incident in policy.incidents if incident.brand == brand]
    if not incidents:
        return None
    severity = assessment.rules.scores.severity
    troubled = is_trouble(assessment.intent, assessment.sentiment, severity)
    return match_incident(find_terms(analysis.folded, assessment.rules.topics), troubled, incidents)


def _adjust(
    points: int,
    message: Message,
    followed: ConversationState | None,
    match: IncidentMatch | None,
    policy: Policy,
    *,
    from_person: bool,
) -> AdjustedPriority:
    """Return the priority of a message from the points of its rules and its incident."""
    if match is not None:
        open_points, confirmed_points = policy.incident_points
        points += confirmed_points if match.incident.status == "confirmed" else open_points
    departments, customers = policy.departments, policy.customer_priorities
    return adjust_priority(
        points, message, followed, departments, customers, from_person=from_person
    )


def _reasons(
    analysis: TextAnalysis,
    policy: Policy,
    choice: DepartmentChoice,
    match: IncidentMatch | None,
    priority: AdjustedPriority,
) -> list[Reason]:
    """Return the reasons in the order in which people read them."""
    text = analysis.text
    stated = reasons.rule_reasons(analysis.hits, policy.pack.version, policy.departments)
    for model in policy.models:
        prediction = analysis.predictions[model.head.task]
        stated.append(reasons.model_reason(model, prediction, text))
    stated += choice.reasons
    if match is not None:
        stated.append(reasons.incident_reason(match, text, analysis.folded))
    stated += priority.reasons
    return stated


def _language(analysis: TextAnalysis, state: ConversationState | None) -> str:
    """Return the language of a text; a text too short for one has that of its conversation."""
    if analysis.language == "und" and state is not None:
        return state.language
    return analysis.language


def _confidence(ranking: Ranking) -> float:
    return ranking[0][1] if ranking else 0.0


def _repeat(message: Message, state: ConversationState, policy: Policy, now: datetime) -> Decision:
    """Return the decision on a message that was decided before."""
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
        model=policy.model_names,
        decided_at=now,
    )
