"""Answers on Telegram, by the Bot API.

The address of a request contains the bot's token, so nothing logs it.
Source: core.telegram.org/bots/api#sendmessage.
"""

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import ActionResponse, error_for_response, post, require_target
from workers.actions.outgoing_text import without_mentions

_CHAT = re.compile(r"-?[0-9]{1,20}")
_TOPIC = re.compile(r"(?:dm)?([0-9]{1,18})|dm")
_MESSAGE_ID = re.compile(r"[0-9]{1,18}")


class TelegramReplyAccount(Record, frozen=True, kw_only=True):
    """The bot that answers."""

    token: Annotated[str, msgspec.Meta(description="The bot's token.")] = ""
    api: ApiAddress = "https://api.telegram.org"
    timeout_s: SendTimeout = 30


class SentMessage(Record, frozen=True, kw_only=True):
    """The message that Telegram sent."""

    message_id: int = 0


class ResponseParameters(Record, frozen=True, kw_only=True):
    """The wait that a limit asks for, and the new id of a group that moved."""

    retry_after: float | None = None
    migrate_to_chat_id: int | None = None


class SendMessageBody(Record, frozen=True, kw_only=True):
    """The body of sendMessage's response."""

    ok: bool = False
    result: SentMessage | None = None
    description: str = ""
    parameters: ResponseParameters = ResponseParameters()


class ReplyTelegram:
    """The action for conversations on Telegram."""

    name = "reply_telegram"
    channel = "telegram"
    account = TelegramReplyAccount
    shares: tuple[str, ...] = ("token", "api")
    required: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: TelegramReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return the message's number."""
        target = require_target(reply.reply_to, settings.token, "[channels.telegram.ACCOUNT]")
        response = await post(
            f"{settings.api}/bot{settings.token}/sendMessage",
            "Telegram",
            json=_message(reply, target),
            timeout_s=settings.timeout_s,
        )
        body = response.decode(SendMessageBody)
        if body is None or response.status >= 500:
            raise error_for_response(response, "Telegram")
        if not body.ok:
            raise _error_for(response, body)
        return f"message {body.result.message_id if body.result else '?'}"


def _message(reply: Reply, target: str) -> Mapping[str, object]:
    """Return the message for `chat/topic/business connection`, whose last two may be empty."""
    chat, _, rest = target.partition("/")
    topic, _, business = rest.partition("/")
    if not _CHAT.fullmatch(chat):
        raise Rejected("reply.no_address", f"{chat[:100]!r} is not a chat")
    message: dict[str, object] = {"chat_id": chat, "text": without_mentions(reply.text)}
    match = _TOPIC.fullmatch(topic)
    if match is not None:
        is_direct = topic.startswith("dm")
        field = "direct_messages_topic_id" if is_direct else "message_thread_id"
        message[field] = int(match[1] or 0)
    if business:
        message["business_connection_id"] = business
    if reply.in_reply_to and _MESSAGE_ID.fullmatch(reply.in_reply_to):
        # The answer leaves even if the customer deleted their message.
        message["reply_parameters"] = {
            "message_id": int(reply.in_reply_to),
            "allow_sending_without_reply": True,
        }
    return message


def _error_for(response: ActionResponse, body: SendMessageBody) -> Exception:
    """Return the error for a refusal, by Telegram's parameters and the status."""
    text = f"Telegram: {body.description}"[:ERROR_TEXT_LIMIT]
    if body.parameters.retry_after is not None:
        return Retry(body.parameters.retry_after, text)
    if response.status == 401:
        return Retry(ACCOUNT_PROBLEM_S, "Telegram: the bot's token is not valid: set a new one")
    return Rejected("reply.refused", text)
