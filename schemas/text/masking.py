"""Masks personal numbers in texts, records and JSON before people see them. Pure.

Pages, the API, the command line, logs and the search index mask their texts. Masking keeps a text's
length, so that evidence offsets stay right. messages.v1, the queues, the archive and answers to the
customer keep the numbers.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from schemas.base import Record
from schemas.decision import PERSONAL, Decision, Reason, WorkItem
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.text.personal_numbers import find_personal_numbers

R = TypeVar("R", bound=Record)

READABLE_CHARS = 3
"""Last characters of a number that stay readable, so that people can compare two of them."""

_SHORTEST = 10  # characters of a tax number
_OURS = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,64}")
"""Our own ids and hashes. One may contain a valid number by chance, but a masked id is useless."""

_NEVER_TYPED = frozenset({"id", "conversation", "lease", "sha256", "accepted_by"})
"""Fields whose values we make ourselves, whatever a stranger sends."""


def mask_personal_numbers(text: str) -> str:
    """Return the text with every personal number masked except its last three characters."""
    if len(text) < _SHORTEST or _OURS.fullmatch(text):
        return text
    places = find_personal_numbers(text)
    if not places:
        return text
    pieces, after = [], 0
    for _, start, end in places:
        if start < after:
            continue
        pieces += [text[after:start], mask_number(text[start:end])]
        after = end
    return "".join([*pieces, text[after:]])


def mask_number(number: str) -> str:
    """Return a number with its separators, and only its last three characters readable."""
    hidden = sum(c.isalnum() for c in number) - READABLE_CHARS
    characters = []
    for char in number:
        characters.append("*" if char.isalnum() and hidden > 0 else char)
        hidden -= char.isalnum()
    return "".join(characters)


def mask_record(record: R) -> R:
    """Return a record with every text in it masked, at any depth."""
    changed = {}
    for name in record.__struct_fields__:
        if name in _NEVER_TYPED:
            continue
        value = getattr(record, name)
        masked = mask_value(value)
        if masked is not value:
            changed[name] = masked
    return msgspec.structs.replace(record, **changed) if changed else record


def mask_value(value: object) -> object:
    """Return a text, a record, or lists and tables of them, masked; the same one if nothing is."""
    if type(value) is str:  # a subclass is markup of our own
        return mask_personal_numbers(value)
    if isinstance(value, Record):
        return mask_record(value)
    if isinstance(value, tuple | list):
        masked = [mask_value(v) for v in value]
        same = all(a is b for a, b in zip(masked, value, strict=True))
        return value if same else type(value)(masked)
    if isinstance(value, dict):
        table = mask_table(value)
        return value if table == value else table
    return value


def mask_table(table: Mapping[str, object]) -> dict[str, object]:
    """Return a table with its keys and values masked, except the values that we make ourselves."""
    return {
        mask_personal_numbers(key): value if key in _NEVER_TYPED else mask_value(value)
        for key, value in table.items()
    }


def mask_json(data: bytes | str) -> str:
    """Return a JSON value with every text masked; mask anything that is not JSON as a text."""
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        return mask_personal_numbers(text)
    return msgspec.json.encode(mask_value(value)).decode()


def mask_message(message: Message, decision: Decision | None = None) -> Message:
    """Return a message masked, including the personal entities of its decision."""
    masked = mask_record(message)
    if decision is None:
        return masked
    text = message.decided_text
    named = {text[e.start : e.end] for e in decision.entities if e.kind in PERSONAL}
    numbers = [n for n in named if sum(c.isalnum() for c in n) > READABLE_CHARS]
    return _without(masked, sorted(numbers, key=len, reverse=True)) if numbers else masked


def mask_decision(decision: Decision, message: Message | None = None) -> Decision:
    """Return a decision masked; a quotation that cuts through a number shows none of its digits."""
    masked = mask_record(decision)
    if message is None:
        return masked
    before = message.decided_text
    after = mask_personal_numbers(before)
    if before == after:
        return masked
    reasons = tuple(_quoting(reason, before, after) for reason in masked.reasons)
    return msgspec.structs.replace(masked, reasons=reasons)


def mask_work(work: WorkItem) -> WorkItem:
    """Return a work item with its message and its decision masked."""
    return WorkItem(
        message=mask_message(work.message, work.decision),
        decision=mask_decision(work.decision, work.message),
        due=work.due,
    )


def mask_outcome(outcome: Outcome) -> Outcome:
    """Return an outcome masked, with the work item that it moves."""
    masked = mask_record(outcome)
    if outcome.moved is None:
        return masked
    return msgspec.structs.replace(masked, moved=mask_work(outcome.moved))


def _without(message: Message, numbers: list[str]) -> Message:
    def masked(text: str) -> str:
        for number in numbers:
            text = text.replace(number, mask_number(number))
        return text

    return msgspec.structs.replace(
        message,
        subject=masked(message.subject),
        text=masked(message.text),
        full_text=masked(message.full_text),
    )


def _quoting(reason: Reason, before: str, after: str) -> Reason:
    """Return a reason that quotes `after` wherever it quoted `before`."""
    evidence = tuple(
        msgspec.structs.replace(e, text=after[e.start : e.end])
        if before[e.start : e.end] == e.text
        else e
        for e in reason.evidence
    )
    return msgspec.structs.replace(reason, evidence=evidence)
