"""Answers on Mastodon, as publicly as the customer's post.

The reply's id is the Idempotency-Key, which the server takes once within an hour.
Source: docs.joinmastodon.org/methods/statuses.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from schemas.account_fields import SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import error_for_response, post, require_target, retry_delay
from workers.actions.oauth import bearer_header
from workers.actions.outgoing_text import without_mentions

_KEY_LIFE = timedelta(minutes=50)
"""The server forgets a key after an hour, and a second sending would then be a second post."""

_STATUS_ID = re.compile(r"[A-Za-z0-9]{1,64}")
_ACCT = re.compile(r"[\w.-]{1,100}(@[\w.-]{1,200})?")
_VISIBILITIES = frozenset({"public", "unlisted", "private", "direct"})


class MastodonReplyAccount(Record, frozen=True, kw_only=True):
    """The account that answers."""

    url: Annotated[str, msgspec.Meta(description="The server's address.")] = ""
    token: Annotated[str, msgspec.Meta(description="The access token.")] = ""
    timeout_s: SendTimeout = 30


class StatusBody(Record, frozen=True, kw_only=True):
    """The status that the server posted, or its error."""

    id: str = ""
    error: str = ""


class ReplyMastodon:
    """The action for conversations on Mastodon."""

    name = "reply_mastodon"
    channel = "mastodon"
    account = MastodonReplyAccount
    shares: tuple[str, ...] = ("url", "token")
    required: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: MastodonReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return the status's id."""
        target = require_target(reply.reply_to, settings.token, "[channels.mastodon.ACCOUNT]")
        status_id, acct, visibility = _parse_target(target)
        status = {
            "status": _mentioning(reply.text, acct),
            "in_reply_to_id": status_id,
            "visibility": visibility,
        }
        if reply.language in ("tr", "en"):
            status["language"] = reply.language
        response = await post(
            f"{settings.url}/api/v1/statuses",
            "Mastodon",
            json=status,
            timeout_s=settings.timeout_s,
            headers=bearer_header(settings.token) | {"idempotency-key": reply.id},
            safe=_is_key_alive(reply),
        )
        body = response.decode(StatusBody) or StatusBody()
        if response.status == 200:
            return f"post {body.id}"
        if response.status == 401:
            text = f"Mastodon refuses the token: {body.error}"
            raise Retry(ACCOUNT_PROBLEM_S, text[:ERROR_TEXT_LIMIT])
        if response.status >= 500 and _is_key_alive(reply):
            raise Retry(retry_delay(response.headers), f"Mastodon answered {response.status}")
        raise error_for_response(response, "Mastodon", body.error)


def _is_key_alive(reply: Reply) -> bool:
    """Say whether the server still recognises a second sending."""
    return datetime.now(UTC) - reply.at < _KEY_LIFE


def _parse_target(target: str) -> tuple[str, str, str]:
    """Return the status, its author and its visibility; raise Rejected for another target."""
    status_id, _, rest = target.partition("|")
    acct, _, visibility = rest.rpartition("|")
    visibility = visibility or "unlisted"
    if (
        not _STATUS_ID.fullmatch(status_id)
        or not _ACCT.fullmatch(acct)
        or visibility not in _VISIBILITIES
    ):
        raise Rejected("reply.no_address", f"{target[:100]!r} is not a post")
    return status_id, acct, visibility


def _mentioning(text: str, acct: str) -> str:
    """Return a text that mentions the customer and nobody else.

    Without the mention the customer gets no notification. Any other person who is mentioned would
    see the answer, even a private one.
    """
    mention = re.compile(rf"(?<![\w@])@{re.escape(acct)}(?![\w@-]|\.\w)", re.IGNORECASE)
    mentions_customer = mention.search(text)
    text = without_mentions(text, keep=acct)
    return text if mentions_customer else f"@{acct} {text}"
