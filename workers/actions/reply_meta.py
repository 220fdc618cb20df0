"""Answers on Messenger and Instagram: direct messages, and comments in public.

Before: workers/deliveries/tries.py may send the Reply. After: the customer's inbox, or the thread
under a post. Source: developers.facebook.com, Messenger Platform, send API; Instagram Platform,
messaging and comment moderation.
"""

from typing import Annotated, Any

import msgspec

from schemas.account_fields import ApiAddress, SendTimeout
from schemas.base import Record
from schemas.outcome import Reply
from workers.actions import meta_graph
from workers.actions.http import to_send


class Account(Record, frozen=True, kw_only=True):
    """The Page or account that answers."""

    token: Annotated[str, msgspec.Meta(description="The access token.")] = ""
    human_agent: Annotated[
        bool,
        msgspec.Meta(
            description="Whether Meta granted the app the permission to answer for seven days."
        ),
    ] = False
    api: ApiAddress = meta_graph.GRAPH
    timeout_s: SendTimeout = 30


class ReplyMessenger:
    """The action for conversations that came by Messenger."""

    name = "reply_messenger"
    channel = "messenger"
    under = "comments"
    account: type[msgspec.Struct] = Account
    shares: tuple[str, ...] = ("token", "human_agent", "api")

    async def send(self, reply: Reply, settings: Any, signing_key: bytes) -> str:
        """Send one reply; return Meta's id of it."""
        place = to_send(reply.reply_to, settings.token, f"[channels.{self.channel}.ACCOUNT]")
        path, body = meta_graph.direct_or_comment(
            place, reply.text, self.under, human_agent=settings.human_agent
        )
        url = f"{settings.api}/{path}"
        return await meta_graph.send(
            url, settings.token, body, settings.timeout_s, self.channel.capitalize()
        )


class ReplyInstagram(ReplyMessenger):
    """The action for conversations that came by Instagram."""

    name = "reply_instagram"
    channel = "instagram"
    under = "replies"
