"""Answers on Slack, in the thread of the message.

Slack reports a refusal with the status 200 and `ok: false`. A second sending would be a second
message, so an unclear end is never repeated. Source: docs.slack.dev, chat.postMessage.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import error_for_response, post, require_target, retry_delay
from workers.actions.oauth import bearer_header
from workers.actions.protocol import Unconfirmed

_TEMPORARY_ERRORS = frozenset(
    {"ratelimited", "rate_limited", "service_unavailable", "request_timeout"}
)
_TOKEN_ERRORS = frozenset(
    {"invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed"}
)
_UNCLEAR_ERRORS = frozenset({"fatal_error", "internal_error"})


class SlackReplyAccount(Record, frozen=True, kw_only=True):
    """The app that answers."""

    token: Annotated[str, msgspec.Meta(description="The bot token, with chat:write.")] = ""
    api: ApiAddress = "https://slack.com/api"
    timeout_s: SendTimeout = 30


class PostMessageBody(Record, frozen=True, kw_only=True):
    """The body of chat.postMessage's response."""

    ok: bool = False
    ts: str = ""
    error: str = ""


class ReplySlack:
    """The action for conversations on Slack."""

    name = "reply_slack"
    channel = "slack"
    account = SlackReplyAccount
    shares: tuple[str, ...] = ("token", "api")
    required: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: SlackReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return its timestamp, which is its id."""
        target = require_target(reply.reply_to, settings.token, "[channels.slack.ACCOUNT]")
        response = await post(
            f"{settings.api}/chat.postMessage",
            "Slack",
            json=_message(reply, target),
            timeout_s=settings.timeout_s,
            headers=bearer_header(settings.token),
        )
        body = response.decode(PostMessageBody)
        if response.status != 200 or body is None:
            raise error_for_response(response, "Slack")
        if body.ok:
            return f"message {body.ts}"
        if body.error in _TEMPORARY_ERRORS:
            raise Retry(retry_delay(response.headers), f"Slack: {body.error}")
        if body.error in _TOKEN_ERRORS:
            raise Retry(ACCOUNT_PROBLEM_S, f"Slack: {body.error}: set a new token")
        if body.error in _UNCLEAR_ERRORS:
            raise Unconfirmed(f"Slack: {body.error}: it may or may not have been sent")
        raise Rejected("reply.refused", f"Slack: {body.error}"[:ERROR_TEXT_LIMIT])


def _message(reply: Reply, target: str) -> Mapping[str, object]:
    """Return the message for `channel/thread`, without markup, mentions and previews."""
    channel, _, thread = target.partition("/")
    escaped = reply.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    message: dict[str, object] = {
        "channel": channel,
        "text": escaped,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": "santral_reply", "event_payload": {"reply": reply.id}},
    }
    return message | {"thread_ts": thread} if thread else message
