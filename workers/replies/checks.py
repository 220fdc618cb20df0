"""Checks whether a reply to a message is allowed before it is written. Pure.

The desk checks the answer of an agent, and incident_reply.py the holding text of an incident.
"""

from collections.abc import Sequence
from datetime import datetime

from schemas.decision import WorkItem
from schemas.errors import Rejected
from schemas.message import Message


def choose_answerable(works: Sequence[WorkItem], *, allow: bool) -> WorkItem:
    """Return the newest message that may be answered; a new participant's needs `allow`.

    Raises Rejected when only new participants wrote.
    """
    written = [work for work in works if _is_written_by_person(work.message)]
    confirmed = [work for work in written if allow or "new_participant" not in work.decision.flags]
    if not confirmed:
        raise Rejected(
            "participant.unconfirmed",
            "only a new participant wrote: check who it is, then send `allow_new_participant`",
        )
    return confirmed[-1]


def newest_answerable(works: Sequence[WorkItem]) -> WorkItem | None:
    """Return the newest message that a person wrote, None if only machines did."""
    written = [work for work in works if _is_written_by_person(work.message)]
    return written[-1] if written else None


def _is_written_by_person(message: Message) -> bool:
    """Say whether a person wrote the text; that includes an edited text, but no deletion."""
    has_text = message.event is None or message.event.kind == "edited"
    return has_text and message.automatic is None


def check_reply_allowed(message: Message, text: str, now: datetime) -> None:
    """Raise Rejected if the source would not take this text now."""
    limits = message.answering
    if limits is None:
        return
    if limits.forbidden:
        raise Rejected("reply.forbidden", f"{message.channel}: {limits.forbidden}")
    if limits.until is not None and now > limits.until:
        raise Rejected(
            "reply.too_late",
            f"{message.channel} took an answer until {limits.until:%d.%m.%Y %H:%M} UTC: reach "
            "the customer on another channel",
        )
    length = len(text.encode() if limits.unit == "bytes" else text)
    if limits.limit is not None and length > limits.limit:
        raise Rejected(
            "reply.too_long", f"{length} {limits.unit}, {message.channel} takes {limits.limit}"
        )
