"""Answers on Telegram, by the Bot API.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's chat. The address of a
call holds the bot's token: it is never logged. Source: core.telegram.org/bots/api#sendmessage.
"""

import re
from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry
from schemas.outcome import Reply
from workers.actions.http import post, refused, to_send
from workers.actions.outgoing_text import without_mentions

_CHAT = re.compile(r"-?[0-9]{1,20}")
_TOPIC = re.compile(r"(?:dm)?([0-9]{1,18})|dm")
_NUMBER = re.compile(r"[0-9]{1,18}")


class Account(Record, frozen=True, kw_only=True):
    """The bot that answers."""

    token: Annotated[str, msgspec.Meta(description="The bot's token.")] = ""
    api: ApiAddress = "https://api.telegram.org"
    timeout_s: SendTimeout = 30


class Sent(Record, frozen=True, kw_only=True):
    """The message that was made."""

    message_id: int = 0


class Hint(Record, frozen=True, kw_only=True):
    """How long to wait, and where a group has gone."""

    retry_after: float | None = None
    migrate_to_chat_id: int | None = None


class Said(Record, frozen=True, kw_only=True):
    """What Telegram answered."""

    ok: bool = False
    result: Sent | None = None
    description: str = ""
    parameters: Hint = Hint()


class ReplyTelegram:
    """The action for conversations that came by Telegram."""

    name = "reply_telegram"
    channel = "telegram"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("token", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return the number of the message."""
        place = to_send(reply.reply_to, settings.token, "[channels.telegram.ACCOUNT]")
        chat, _, rest = place.partition("/")
        thread, _, business = rest.partition("/")
        if not _CHAT.fullmatch(chat):
            raise Rejected("reply.no_address", f"{chat[:100]!r} is not a chat")
        body: dict[str, Any] = {"chat_id": chat, "text": without_mentions(reply.text)}
        topic = _TOPIC.fullmatch(thread)
        if topic is not None:
            direct = thread.startswith("dm")
            kind = "direct_messages_topic_id" if direct else "message_thread_id"
            body[kind] = int(topic[1] or 0)
        if business:
            body["business_connection_id"] = business
        if reply.in_reply_to and _NUMBER.fullmatch(reply.in_reply_to):
            # Whatever became of the customer's message, the answer is to go out.
            body["reply_parameters"] = {
                "message_id": int(reply.in_reply_to),
                "allow_sending_without_reply": True,
            }
        url = f"{settings.api}/bot{settings.token}/sendMessage"
        answer = await post(url, "Telegram", json=body, timeout_s=settings.timeout_s)
        said = answer.read(Said)
        if said is None or answer.status >= 500:
            raise refused(answer, "Telegram")
        if said.ok:
            return f"message {said.result.message_id if said.result else '?'}"
        if said.parameters.retry_after is not None:
            raise Retry(
                said.parameters.retry_after, f"Telegram: {said.description}"[:ERROR_TEXT_LIMIT]
            )
        if answer.status == 401:
            raise Retry(ACCOUNT_PROBLEM_S, "Telegram: the bot's token is not valid: set a new one")
        raise Rejected("reply.refused", f"Telegram: {said.description}"[:ERROR_TEXT_LIMIT])
