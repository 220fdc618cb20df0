"""The choice of a message's department and action, with flags and reasons. Pure.

`choose_department` follows the ranking unless the message itself or its conversation decides.
"""

import msgspec

from router.decision import reasons
from router.decision.next_state import sender_hash
from router.decision.ranking import Ranking
from router.text.goodbye import is_goodbye
from schemas.base import Record
from schemas.decision import CLOSING, REOPENED, TRIAGE, Action, Reason
from schemas.message import Message
from schemas.state.conversation import ConversationState

UNREADABLE = "unreadable"
"""The word in `repaired` of a mail that no parser can read, and the flag of its decision."""

IMPORTED = "imported"
"""The flag of imported history, which is decided and stored but opens no work."""

SPAM = "spam"
"""The flag of mass mail, which gets the last place in triage and no automatic answer."""


class DepartmentChoice(Record, frozen=True):
    """Where a message goes and what is done with it.

    `flags` are all flags of the decision, `reasons` only those of this choice.
    """

    action: Action
    department: str
    flags: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


def choose_department(
    message: Message,
    state: ConversationState | None,
    ranking: Ranking,
    rule_flags: tuple[str, ...],
    threshold: float,
) -> DepartmentChoice:
    """Return the choice for a message whose rules have these departments and flags."""
    flags = (*message.flags, *rule_flags)
    is_sure = bool(ranking) and ranking[0][1] >= threshold
    best = ranking[0][0] if is_sure else TRIAGE
    current = state.department if state is not None else TRIAGE
    if message.automatic is not None:
        flags = (*flags, message.automatic.kind)
        return DepartmentChoice("automatic", current, flags, (reasons.AUTOMATIC,))
    if UNREADABLE in message.repaired:
        flags = (*flags, UNREADABLE)
    if IMPORTED in message.flags:
        department = best if state is None else current
        return DepartmentChoice("automatic", department, flags, (reasons.IMPORTED,))
    if message.event is not None:
        return DepartmentChoice("append", current, flags, (reasons.EVENT,))
    if state is not None and state.status != "quiet":
        return DepartmentChoice("append", current, flags, (reasons.FOLLOW_UP,))
    if UNREADABLE in flags:
        return DepartmentChoice("triage", TRIAGE, flags, (reasons.UNREADABLE,))
    if SPAM in flags:
        return DepartmentChoice("triage", TRIAGE, flags, (reasons.SPAM,))
    if not is_sure:
        return DepartmentChoice("triage", TRIAGE, flags, (reasons.UNSURE,))
    return DepartmentChoice("queue", best, flags)


def is_left_in_triage(choice: DepartmentChoice, message: Message, state: ConversationState) -> bool:
    """Say whether a follow-up may leave triage, where only our own doubt put its conversation."""
    return (
        state.status == "open"
        and state.department == TRIAGE
        and not state.hops
        and bool(state.words)
        and message.event is None
        and {SPAM, UNREADABLE}.isdisjoint(choice.flags)
        and not is_stranger(message, state)
    )


def choose_again(choice: DepartmentChoice, ranking: Ranking, threshold: float) -> DepartmentChoice:
    """Return the choice for a follow-up in triage by the words of all open messages together."""
    if not ranking or ranking[0][1] < threshold:
        return msgspec.structs.replace(choice, reasons=(*choice.reasons, reasons.UNSURE))
    return DepartmentChoice("queue", ranking[0][0], choice.flags, (reasons.TOGETHER,))


def flag_follow_up(
    choice: DepartmentChoice, message: Message, state: ConversationState
) -> DepartmentChoice:
    """Return the choice with a flag for a reopened conversation and one for a stranger's mail.

    An edit, a deletion or a reaction gets neither.
    """
    if message.event is not None:
        return choice
    flags, why = choice.flags, choice.reasons
    if state.status == "resolved":
        flags, why = (*flags, REOPENED), (*why, reasons.REOPENED)
    if is_stranger(message, state):
        flags, why = (*flags, "new_participant"), (*why, reasons.STRANGER)
    return msgspec.structs.replace(choice, flags=flags, reasons=why)


def says_goodbye(choice: DepartmentChoice, message: Message, state: ConversationState) -> bool:
    """Say whether a follow-up only says goodbye in a conversation that people answered or resolved.

    A stranger's mail, a call, an edit and a message with a file always go to people.
    """
    is_answered = not state.open and state.unanswered_since is None
    return (
        (state.status == "resolved" or is_answered)
        and message.event is None
        and message.call is None
        and not message.attachments
        and {SPAM, UNREADABLE}.isdisjoint(choice.flags)
        and not is_stranger(message, state)
        and is_goodbye(message.text, message.sender.name)
    )


def flag_goodbye(choice: DepartmentChoice) -> DepartmentChoice:
    """Return the choice for a message that only says goodbye."""
    return msgspec.structs.replace(
        choice, flags=(*choice.flags, CLOSING), reasons=(*choice.reasons, reasons.CLOSING)
    )


def is_stranger(message: Message, state: ConversationState) -> bool:
    """Say whether a new person writes into a conversation by mail."""
    if message.kind != "mail" or message.event is not None or not state.participants:
        return False
    return sender_hash(message) not in state.participants
