"""Composes the reply to a message, with its address, its thread and its language. Pure.

The desk, the acknowledgements and the holding texts of incidents all use it.
"""

from datetime import datetime

from schemas.decision import Decision
from schemas.message import Message
from schemas.outcome import Reply


def compose_reply(
    message: Message, decision: Decision, identifier: str, text: str, now: datetime
) -> Reply:
    """Return an answer to a message, as an item of its own in the decision's department."""
    return Reply(
        id=identifier,
        kind="answer",
        brand=message.brand,
        channel=message.channel,
        source=message.source,
        conversation=message.conversation,
        message=message.id,
        item=message.id,
        department=decision.department,
        recipient=message.sender,
        reply_to=message.reply_to,
        subject=message.subject,
        text=text,
        language=decision.language,
        in_reply_to=message.thread[-1] if message.thread else None,
        references=message.thread,
        at=now,
    )
