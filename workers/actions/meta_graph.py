"""Posts answers to Meta's Graph API and turns its error codes into the sender's words.

Source: developers.facebook.com, WhatsApp Cloud API and Messenger Platform, error codes.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from workers.actions.http import ActionResponse, error_for_response, post, retry_delay
from workers.actions.oauth import bearer_header
from workers.actions.outgoing_text import path_segment, without_mentions

GRAPH_URL = "https://graph.facebook.com/v25.0"
TEMPORARY_CODES = frozenset(
    {1, 2, 4, 17, 32, 341, 368, 613, 1200, 80001, 80006, 80007}
    | {130429, 131000, 131016, 131048, 131056, 131057, 133004, 133016}
)
"""Codes of limits and of outages, which end by themselves."""
CLOSED_WINDOW_CODES = frozenset({131047, 2018278, 2534022})
"""Codes and subcodes of an answer after the window in which Meta allows one."""
DEAD_TOKEN_CODE = 190


class PageReplyAccount(Record, frozen=True, kw_only=True):
    """The Page or account that answers."""

    token: Annotated[str, msgspec.Meta(description="The access token.")] = ""
    human_agent: Annotated[
        bool,
        msgspec.Meta(
            description="Whether Meta granted the app the permission to answer for seven days."
        ),
    ] = False
    api: ApiAddress = GRAPH_URL
    timeout_s: SendTimeout = 30


class GraphError(Record, frozen=True, kw_only=True):
    """The reason why Graph refused a request."""

    code: int = 0
    error_subcode: int | None = 0
    message: str = ""


class GraphErrorBody(Record, frozen=True, kw_only=True):
    """The body of a refusal."""

    error: GraphError


class AcceptedMessage(Record, frozen=True, kw_only=True):
    """The id of a WhatsApp message that Graph took."""

    id: str = ""


class AcceptedBody(Record, frozen=True, kw_only=True):
    """The body of a success; each product names the id differently."""

    messages: tuple[AcceptedMessage, ...] = ()
    message_id: str = ""
    id: str = ""


async def send(
    url: str, token: str, body: Mapping[str, object], timeout_s: int, vendor: str
) -> str:
    """Post to Graph; return the id under which it took the answer."""
    response = await post(url, vendor, json=body, headers=bearer_header(token), timeout_s=timeout_s)
    if response.status != 200:
        raise _error_for(response, vendor)
    accepted = response.decode(AcceptedBody) or AcceptedBody()
    ids = (*(message.id for message in accepted.messages), accepted.message_id, accepted.id)
    return f"taken as {next((i for i in ids if i), '(no id)')}"


def _error_for(response: ActionResponse, vendor: str) -> Exception:
    """Return the error for a refusal, by Graph's code."""
    refusal = response.decode(GraphErrorBody)
    if refusal is None:
        return error_for_response(response, vendor)
    error = refusal.error
    text = f"{vendor}: {error.code} {error.message}"[:ERROR_TEXT_LIMIT]
    if error.code == DEAD_TOKEN_CODE:
        return Retry(ACCOUNT_PROBLEM_S, f"{text} (the access token is dead: set a new one)")
    if error.code in TEMPORARY_CODES or response.status == 429:
        return Retry(retry_delay(response.headers, BUSY_S), text)
    if CLOSED_WINDOW_CODES & {error.code, error.error_subcode}:
        return Rejected("reply.too_late", text)
    return Rejected("reply.refused", text)


async def send_from_page(
    target: str, text: str, comment_edge: str, settings: PageReplyAccount, vendor: str
) -> str:
    """Send an answer of a Page or an Instagram account; return Meta's id of it."""
    path, body = page_request(target, text, comment_edge, human_agent=settings.human_agent)
    url = f"{settings.api}/{path}"
    return await send(url, settings.token, body, settings.timeout_s, vendor)


def page_request(
    target: str, text: str, comment_edge: str, *, human_agent: bool
) -> tuple[str, Mapping[str, object]]:
    """Return the path and body of an answer by direct message or in public.

    `target` is `mention:account/media/comment`, `comment:id` or `ours/recipient`. An answer to a
    comment is posted to its `comment_edge`.
    """
    if target.startswith("mention:"):
        return _mention_request(target.removeprefix("mention:"), text)
    comment = target.removeprefix("comment:")
    if comment and comment != target:
        return f"{path_segment(comment)}/{comment_edge}", {"message": without_mentions(text)}
    ours, _, recipient = target.partition("/")
    if not ours or not recipient:
        raise Rejected("reply.no_address", f"{target!r} names no recipient")
    tag = (
        {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
        if human_agent
        else {"messaging_type": "RESPONSE"}
    )
    body = {"recipient": {"id": recipient}, "message": {"text": text}, **tag}
    return f"{path_segment(ours)}/messages", body


def _mention_request(target: str, text: str) -> tuple[str, Mapping[str, object]]:
    """Return the path and body of an answer to a mention, `account/media/comment`."""
    account, _, rest = target.partition("/")
    media, _, comment = rest.partition("/")
    ids = {"media_id": media, "comment_id": comment}
    body = {"message": without_mentions(text)} | {key: value for key, value in ids.items() if value}
    return f"{path_segment(account)}/mentions", body
