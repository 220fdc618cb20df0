"""Answers on WhatsApp, by Meta's Cloud API.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's phone. The reply's id
goes with it (`biz_opaque_callback_data`) and comes back in its statuses. Source:
developers.facebook.com, WhatsApp Cloud API, messages.
"""

from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.errors import Rejected
from schemas.outcome import Reply
from workers.actions import meta_graph
from workers.actions.http import to_send
from workers.actions.outgoing_text import path_segment


class Account(Record, frozen=True, kw_only=True):
    """The number that answers."""

    token: Annotated[str, msgspec.Meta(description="The access token of the number.")] = ""
    api: ApiAddress = meta_graph.GRAPH
    timeout_s: SendTimeout = 30


class ReplyWhatsapp:
    """The action for conversations that came by WhatsApp."""

    name = "reply_whatsapp"
    channel = "whatsapp"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("token", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return Meta's id of it."""
        place = to_send(reply.reply_to, settings.token, "[channels.whatsapp.ACCOUNT]")
        ours, _, whom = place.partition("/")
        if not ours or not whom:
            raise Rejected("reply.no_address", f"{place!r} is no place on WhatsApp")
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "type": "text",
            "text": {"body": reply.text},
            "biz_opaque_callback_data": reply.id,
            **_whom(whom),
        }
        if reply.in_reply_to:
            body["context"] = {"message_id": reply.in_reply_to}
        url = f"{settings.api}/{path_segment(ours)}/messages"
        return await meta_graph.send(url, settings.token, body, settings.timeout_s, "WhatsApp")


def _whom(told: str) -> dict[str, str]:
    """Return who is to get it: a group, a number, or a person without one."""
    kind, _, group = told.partition("group:")
    if not kind and group:
        return {"recipient_type": "group", "to": group}
    number = told.lstrip("+")
    whom = {"to": number} if number.isascii() and number.isdigit() else {"recipient": told}
    return {"recipient_type": "individual", **whom}
