"""Answers on Slack, in the thread of the message.

Before: workers/deliveries/tries.py may send the Reply. After: the channel. A refusal comes as HTTP
200 with `ok: false`; nothing makes a second sending harmless. Source: docs.slack.dev,
chat.postMessage.
"""

from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import later, post, refused, to_send
from workers.actions.protocol import Unconfirmed

_LATER = frozenset({"ratelimited", "rate_limited", "service_unavailable", "request_timeout"})
_TOKEN = frozenset(
    {"invalid_auth", "token_revoked", "token_expired", "account_inactive", "not_authed"}
)
_UNKNOWN = frozenset({"fatal_error", "internal_error"})


class Account(Record, frozen=True, kw_only=True):
    """The app that answers."""

    token: Annotated[str, msgspec.Meta(description="The bot token, with chat:write.")] = ""
    api: ApiAddress = "https://slack.com/api"
    timeout_s: SendTimeout = 30


class Said(Record, frozen=True, kw_only=True):
    """What Slack answered."""

    ok: bool = False
    ts: str = ""
    error: str = ""


class ReplySlack:
    """The action for conversations that came by Slack."""

    name = "reply_slack"
    channel = "slack"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("token", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return its time, which is its id."""
        place = to_send(reply.reply_to, settings.token, "[channels.slack.ACCOUNT]")
        channel, _, thread = place.partition("/")
        escaped = reply.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        body: dict[str, Any] = {
            "channel": channel,
            "text": escaped,
            "mrkdwn": False,
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": "santral_reply", "event_payload": {"reply": reply.id}},
        }
        if thread:
            body["thread_ts"] = thread
        answer = await post(
            f"{settings.api}/chat.postMessage",
            "Slack",
            json=body,
            timeout_s=settings.timeout_s,
            headers={"authorization": f"Bearer {settings.token}"},
        )
        said = answer.read(Said)
        if answer.status != 200 or said is None:
            raise refused(answer, "Slack")
        if said.ok:
            return f"message {said.ts}"
        if said.error in _LATER:
            raise Retry(later(answer.headers, RECOVERY_S), f"Slack: {said.error}")
        if said.error in _TOKEN:
            raise Retry(ACCOUNT_PROBLEM_S, f"Slack: {said.error}: set a new token")
        if said.error in _UNKNOWN:
            raise Unconfirmed(f"Slack: {said.error}: it may or may not have been sent")
        raise Rejected("reply.refused", f"Slack: {said.error}"[:ERROR_TEXT_LIMIT])
