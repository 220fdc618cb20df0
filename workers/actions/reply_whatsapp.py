"""Answers on WhatsApp, by Meta's Cloud API.

The reply's id travels with it as `biz_opaque_callback_data` and returns in its statuses.
Source: developers.facebook.com, WhatsApp Cloud API, messages.
"""

from typing import Annotated

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.outcome import Reply
from workers.actions import meta_graph
from workers.actions.http import require_target, split_target
from workers.actions.outgoing_text import path_segment


class WhatsappReplyAccount(Record, frozen=True, kw_only=True):
    """The number that answers."""

    token: Annotated[str, msgspec.Meta(description="The access token of the number.")] = ""
    api: ApiAddress = meta_graph.GRAPH_URL
    timeout_s: SendTimeout = 30


class ReplyWhatsapp:
    """The action for conversations on WhatsApp."""

    name = "reply_whatsapp"
    channel = "whatsapp"
    account = WhatsappReplyAccount
    shares: tuple[str, ...] = ("token", "api")
    required: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: WhatsappReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return Meta's id of it."""
        target = require_target(reply.reply_to, settings.token, "[channels.whatsapp.ACCOUNT]")
        ours, recipient = split_target(target, "WhatsApp")
        body: dict[str, object] = {
            "messaging_product": "whatsapp",
            "type": "text",
            "text": {"body": reply.text},
            "biz_opaque_callback_data": reply.id,
            **_recipient(recipient),
        }
        if reply.in_reply_to:
            body["context"] = {"message_id": reply.in_reply_to}
        url = f"{settings.api}/{path_segment(ours)}/messages"
        return await meta_graph.send(url, settings.token, body, settings.timeout_s, "WhatsApp")


def _recipient(recipient: str) -> dict[str, str]:
    """Return the fields for a group, a phone number, or a person whose number Meta withholds."""
    group = recipient.removeprefix("group:")
    if group and group != recipient:
        return {"recipient_type": "group", "to": group}
    number = recipient.lstrip("+")
    if number.isascii() and number.isdigit():
        return {"recipient_type": "individual", "to": number}
    return {"recipient_type": "individual", "recipient": recipient}
