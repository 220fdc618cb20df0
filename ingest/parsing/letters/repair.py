"""Repairs the letters of a message, whichever channel made it. Pure.

A channel's `parse` makes the message, and everything else reads the repaired one. Texts, names and
turns are composed. Turkish that a wrong charset has broken is repaired (`text.mojibake`), except in
full_text, which keeps the received text.
"""

from collections.abc import Callable

import msgspec

from ingest.parsing.letters.composition import compose
from ingest.parsing.letters.mojibake import repair_mojibake
from schemas.message import Call, Forwarded, Message, Party, Turn

MOJIBAKE = "text.mojibake"
_MAX_CONTEXT_CHARS = 4000  # enough to tell the language of a name or a subject

_Repair = Callable[[str], str]


def repair_letters(message: Message) -> Message:
    """Return the message with composed and repaired letters, the same when all are right."""
    composed = _change(message, compose)
    text = repair_mojibake(composed.text, composed.subject[:_MAX_CONTEXT_CHARS])
    context = text[:_MAX_CONTEXT_CHARS]

    def repair(words: str) -> str:
        return repair_mojibake(words, context)

    repaired = msgspec.structs.replace(
        _change(composed, repair), text=text, full_text=composed.full_text
    )
    if repaired == composed:
        return composed
    return msgspec.structs.replace(
        repaired, repaired=tuple(dict.fromkeys((*message.repaired, MOJIBAKE)))
    )


def _change(message: Message, change: _Repair) -> Message:
    """Return the message with a change of every text that people read."""
    forwarded, call = message.forwarded, message.call
    return msgspec.structs.replace(
        message,
        subject=change(message.subject),
        text=change(message.text),
        full_text=change(message.full_text),
        sender=_party(message.sender, change),
        recipients=tuple(_party(party, change) for party in message.recipients),
        attachments=tuple(
            msgspec.structs.replace(file, name=change(file.name)) for file in message.attachments
        ),
        forwarded=forwarded and _forwarded(forwarded, change),
        call=call and _call(call, change),
    )


def _party(party: Party, change: _Repair) -> Party:
    return msgspec.structs.replace(party, name=change(party.name))


def _forwarded(forwarded: Forwarded, change: _Repair) -> Forwarded:
    return msgspec.structs.replace(
        forwarded,
        sender=forwarded.sender and _party(forwarded.sender, change),
        subject=change(forwarded.subject),
        recipients=tuple(_party(party, change) for party in forwarded.recipients),
        text=change(forwarded.text),
    )


def _call(call: Call, change: _Repair) -> Call:
    return msgspec.structs.replace(
        call,
        turns=tuple(_turn(turn, change) for turn in call.turns),
        queue=call.queue and change(call.queue),
        agent=call.agent and change(call.agent),
    )


def _turn(turn: Turn, change: _Repair) -> Turn:
    """Return a changed turn; the offsets of unsure words follow the length of the text."""
    text = change(turn.text)
    unsure = turn.unsure
    if len(text) != len(turn.text):
        unsure = tuple(
            (len(change(turn.text[:start])), len(change(turn.text[:end]))) for start, end in unsure
        )
    return msgspec.structs.replace(turn, speaker=change(turn.speaker), text=text, unsure=unsure)
