"""Personal numbers out of what is shown: a message as pages may show it to anybody signed in.

Before: the store has the message and its decision, which names the places of identity, tax, IBAN
and card numbers. After: pages. Who has the right to them asks with a token of its own, which is
logged; at the desk who holds the item sees what the customer wrote. Pure.
"""

import msgspec

from schemas.decision import PERSONAL, Decision
from schemas.message import Message


def numbers(message: Message, decision: Decision | None) -> dict[str, str]:
    """Return each personal number as it was written, with what is shown instead."""
    if decision is None:
        return {}
    whole = f"{message.subject}\n{message.text}" if message.subject else message.text
    found = [e for e in decision.entities if e.kind in PERSONAL]
    return {whole[e.start : e.end]: e.value for e in found if whole[e.start : e.end].strip()}


def masked(message: Message, decision: Decision | None) -> Message:
    """Return the message without personal numbers in its subject and texts."""
    hidden = numbers(message, decision)
    if not hidden:
        return message

    def without(text: str) -> str:
        for number, shown in hidden.items():
            text = text.replace(number, shown)
        return text

    return msgspec.structs.replace(
        message, subject=without(message.subject), text=without(message.text),
        full_text=without(message.full_text),
    )  # fmt: skip
