"""Reads messages from the store: one with its outcomes, conversations, and searches.

The console, the API, `santral follow` and `santral explain` use it.
"""

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, Row, text

from schemas.base import Record
from schemas.decision import Decision
from schemas.http_api.bodies import MessageOut
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.text.masking import mask_message, mask_personal_numbers
from workers.store.search_terms import fts5_query, terms_of, ts_query

R = TypeVar("R", bound=Record)

_message = msgspec.json.Decoder(Message)
_decision = msgspec.json.Decoder(Decision)
_outcome = msgspec.json.Decoder(Outcome)


def _decoded(decoder: msgspec.json.Decoder[R], rows: Iterable[Row[str]]) -> list[R]:
    return [decoder.decode(row[0]) for row in rows]


def message(connection: Connection, identifier: str) -> MessageOut | None:
    """Return a message, its newest decision and its outcomes, or None if it is not recorded."""
    row = connection.execute(
        text("SELECT body FROM messages WHERE id = :id"), {"id": identifier}
    ).first()
    if row is None:
        return None
    recorded = _message.decode(row[0])
    all_decisions = decisions(connection, identifier)
    outcomes = [
        outcome
        for outcome in outcomes_of(connection, recorded.conversation)
        if identifier in outcome.messages or outcome.item == identifier
    ]
    return MessageOut(
        message=recorded,
        decision=all_decisions[-1] if all_decisions else None,
        outcomes=tuple(outcomes),
    )


def decisions(connection: Connection, identifier: str) -> list[Decision]:
    """Return every decision on a message, from the first to the last."""
    rows = connection.execute(
        text("SELECT body FROM decisions WHERE message = :id ORDER BY hops"), {"id": identifier}
    )
    return _decoded(_decision, rows)


def decisions_of(connection: Connection, conversation: str) -> dict[str, Decision]:
    """Return the newest decision on each message of a conversation."""
    rows = connection.execute(
        text("SELECT body FROM decisions WHERE conversation = :c ORDER BY hops"),
        {"c": conversation},
    )
    return {d.message: d for d in _decoded(_decision, rows)}


def outcomes_of(connection: Connection, conversation: str) -> list[Outcome]:
    """Return every outcome of a conversation, the oldest first."""
    rows = connection.execute(
        text("SELECT body FROM outcomes WHERE conversation = :c ORDER BY at_ms, id"),
        {"c": conversation},
    )
    return _decoded(_outcome, rows)


def conversation(connection: Connection, identifier: str, limit: int = 200) -> list[Message]:
    """Return the newest messages of a conversation, the oldest of them first."""
    rows = connection.execute(
        text(
            "SELECT body FROM messages WHERE conversation = :c ORDER BY received_ms DESC LIMIT :n"
        ),
        {"c": identifier, "n": limit},
    )
    return list(reversed(_decoded(_message, rows)))


class MessageLine(Record, frozen=True, kw_only=True):
    """One line of a list of messages, masked.

    `sender` is a name where there is one, and `handle` the identifier that the store has.
    """

    id: str
    channel: str
    sender: str
    handle: str
    subject: str
    text: str
    received_ms: int
    department: str | None
    intent: str | None
    action: str | None
    priority: int | None


_LineRow = Row[str, str, str, str, str, int, str, str, str, int, str]
"""The columns of _LINE: those of the message, and those of its decision, null without one."""

_MASKED_CHARS = 1000
"""A line masks only this much of a text, so that a long text costs no time."""
_LINE_CHARS = 160
_LINE = (
    "SELECT m.id, m.channel, m.sender, m.subject, m.body, m.received_ms, "
    "d.department, d.intent, d.action, d.priority, d.body FROM messages m "
    "LEFT JOIN decisions d ON d.message = m.id AND d.hops = "
    "(SELECT max(hops) FROM decisions WHERE message = m.id) "
)


def newest(
    connection: Connection, limit: int = 30, department: str | None = None
) -> list[MessageLine]:
    """Return the newest messages."""
    where = "WHERE d.department = :d " if department else ""
    rows = connection.execute(
        text(f"{_LINE}{where}ORDER BY m.received_ms DESC LIMIT :n"),
        {"n": limit, "d": department},
    )
    return [_line(row) for row in rows]


def lines(connection: Connection, ids: Iterable[str]) -> list[MessageLine]:
    """Return these messages in their order, without those that are not recorded."""
    recorded = []
    for identifier in ids:
        row = connection.execute(text(f"{_LINE}WHERE m.id = :id"), {"id": identifier}).first()
        if row is not None:
            recorded.append(_line(row))
    return recorded


def search(
    connection: Connection, words: str, limit: int = 50, *, key: bytes = b""
) -> list[MessageLine]:
    """Return the newest messages that match all words of a search, by their beginnings.

    A whole phone, order or personal number finds its message in any spelling, as does a receipt's
    reference. `key` is the recorder's key for hashing personal numbers.
    """
    referred = lines(connection, _ids_of_reference(connection, words))
    terms = terms_of(words, key)
    if not (terms.tokens or terms.beginnings or terms.either):
        return referred
    if connection.dialect.name == "sqlite":
        query = fts5_query(terms)
        where = "m.rowid IN (SELECT rowid FROM messages_text WHERE messages_text MATCH :q)"
    else:
        query = ts_query(terms)
        where = (
            "m.id IN (SELECT message FROM messages_text WHERE words @@ to_tsquery('simple', :q))"
        )
    rows = connection.execute(
        text(f"{_LINE}WHERE {where} ORDER BY m.received_ms DESC LIMIT :n"),
        {"q": query, "n": limit},
    )
    shown = {line.id for line in referred}
    return [*referred, *(_line(row) for row in rows if row[0] not in shown)]


def exact_hit(connection: Connection, words: str, *, key: bytes = b"") -> str | None:
    """Return the id of the one message with this reference or whole number, else None."""
    is_reference = _REFERENCE.fullmatch(words.strip()) is not None
    if not is_reference and not terms_of(words, key).exact:
        return None
    hits = search(connection, words, 2, key=key)
    return hits[0].id if len(hits) == 1 else None


_REFERENCE = re.compile(r"#?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){0,3}(?:-[0-9a-fA-F]{12})?)")
"""A receipt's reference: the first eight digits of a message's id, or more of the id."""


def _ids_of_reference(connection: Connection, words: str) -> list[str]:
    """Return the ids that begin with a reference: almost always one, and at most five."""
    match = _REFERENCE.fullmatch(words.strip())
    if match is None:
        return []
    begin = match[1].lower()
    rows = connection.execute(
        text("SELECT id FROM messages WHERE id >= :a AND id < :b ORDER BY id LIMIT 5"),
        {"a": begin, "b": f"{begin}g"},
    )
    return [str(row[0]) for row in rows if str(row[0]).startswith(begin)]


def _line(row: _LineRow) -> MessageLine:
    decided = _decision.decode(row[10]) if row[10] else None
    full = _message.decode(row[4])
    # Mask before cutting, while a number at the line's end is still complete.
    beginning = msgspec.structs.replace(
        full, text=full.text[:_MASKED_CHARS], full_text="", call=None, forwarded=None
    )
    shown = mask_message(beginning, decided)
    handle = mask_personal_numbers(row[2])
    return MessageLine(
        id=row[0],
        channel=row[1],
        sender=shown.sender.name or handle,
        handle=handle,
        subject=shown.subject,
        text=shown.text[:_LINE_CHARS],
        received_ms=row[5],
        department=row[6],
        intent=row[7],
        action=row[8],
        priority=row[9],
    )


class MessageStory(Record, frozen=True, kw_only=True):
    """A message with every decision on it, and its conversation."""

    message: Message
    decisions: tuple[Decision, ...]
    outcomes: tuple[Outcome, ...]
    thread: tuple[Message, ...]


def story(connection: Connection, identifier: str) -> MessageStory | None:
    """Return a message's story and conversation, or None when the store does not have it."""
    recorded = message(connection, identifier)
    if recorded is None:
        return None
    conversation_id = recorded.message.conversation
    return MessageStory(
        message=recorded.message,
        decisions=tuple(decisions(connection, identifier)),
        outcomes=tuple(outcomes_of(connection, conversation_id)),
        thread=tuple(conversation(connection, conversation_id)),
    )
