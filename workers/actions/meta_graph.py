"""Meta's Graph API, as far as answers need it: one POST, and what its errors mean.

Source: developers.facebook.com, WhatsApp Cloud API error codes; Messenger Platform error codes.
"""

from typing import Any

from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from workers.actions.http import later, post, refused
from workers.actions.outgoing_text import path_segment, without_mentions

GRAPH = "https://graph.facebook.com/v25.0"
LATER = frozenset(
    {
        1,
        2,
        4,
        17,
        32,
        341,
        368,
        613,
        1200,
        80001,
        80006,
        80007,
        130429,
        131000,
        131016,
        131048,
        131056,
        131057,
        133004,
        133016,
    }
)
TOO_LATE = frozenset({131047, 2018278, 2534022})
"""Codes and subcodes of the closed window."""
DEAD_TOKEN = 190


class Fault(Record, frozen=True, kw_only=True):
    """Why Graph refused."""

    code: int = 0
    error_subcode: int | None = 0
    message: str = ""


class Refused(Record, frozen=True, kw_only=True):
    """The body of a refusal."""

    error: Fault


class Sent(Record, frozen=True, kw_only=True):
    """An id of what was taken."""

    id: str = ""


class Taken(Record, frozen=True, kw_only=True):
    """The body of a success, of each product."""

    messages: tuple[Sent, ...] = ()
    message_id: str = ""
    id: str = ""


async def send(url: str, token: str, body: dict[str, Any], timeout_s: int, vendor: str) -> str:
    """Post to Graph; return the id of what was taken."""
    answer = await post(
        url, vendor, json=body, headers={"authorization": f"Bearer {token}"}, timeout_s=timeout_s
    )
    if answer.status == 200:
        found = answer.read(Taken) or Taken()
        ids = (*(s.id for s in found.messages), found.message_id, found.id)
        return f"taken as {next((i for i in ids if i), '(no id)')}"
    told = answer.read(Refused)
    if told is None:
        raise refused(answer, vendor)
    fault = told.error
    said = f"{vendor}: {fault.code} {fault.message}"[:ERROR_TEXT_LIMIT]
    if fault.code == DEAD_TOKEN:
        raise Retry(ACCOUNT_PROBLEM_S, f"{said} (the access token is dead: set a new one)")
    if fault.code in LATER or answer.status == 429:
        raise Retry(later(answer.headers, BUSY_S), said)
    if TOO_LATE & {fault.code, fault.error_subcode}:
        raise Rejected("reply.too_late", said)
    raise Rejected("reply.refused", said)


def direct_or_comment(
    place: str, text: str, under: str, *, human_agent: bool
) -> tuple[str, dict[str, Any]]:
    """Return path and body of an answer: to a person, or under their comment (`under` it)."""
    kind, _, mention = place.partition("mention:")
    if not kind and mention:
        whose, _, what = mention.partition("/")
        media, _, under_it = what.partition("/")
        told = {"media_id": media, "comment_id": under_it}
        words = {"message": without_mentions(text)}
        return f"{path_segment(whose)}/mentions", words | {k: v for k, v in told.items() if v}
    kind, _, comment = place.partition("comment:")
    if not kind and comment:
        return f"{path_segment(comment)}/{under}", {"message": without_mentions(text)}
    ours, _, whom = place.partition("/")
    if not ours or not whom:
        raise Rejected("reply.no_address", f"{place!r} is nobody's place")
    kind_of = (
        {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
        if human_agent
        else {"messaging_type": "RESPONSE"}
    )
    return f"{path_segment(ours)}/messages", {
        "recipient": {"id": whom},
        "message": {"text": text},
        **kind_of,
    }
