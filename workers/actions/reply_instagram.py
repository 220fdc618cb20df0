"""Answers on Instagram, by direct message or in public under a comment.

Source: developers.facebook.com, Instagram Platform, messaging and comment moderation.
"""

from schemas.outcome import Reply
from workers.actions import meta_graph
from workers.actions.http import require_target
from workers.actions.meta_graph import PageReplyAccount


class ReplyInstagram:
    """The action for conversations on Instagram."""

    name = "reply_instagram"
    channel = "instagram"
    account = PageReplyAccount
    shares: tuple[str, ...] = ("token", "human_agent", "api")
    required: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: PageReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return Meta's id of it."""
        target = require_target(reply.reply_to, settings.token, "[channels.instagram.ACCOUNT]")
        return await meta_graph.send_from_page(target, reply.text, "replies", settings, "Instagram")
