"""Answers on Messenger, by direct message or in public under a comment.

Source: developers.facebook.com, Messenger Platform, Send API.
"""

from schemas.outcome import Reply
from workers.actions import meta_graph
from workers.actions.http import require_target
from workers.actions.meta_graph import PageReplyAccount


class ReplyMessenger:
    """The action for conversations on Messenger."""

    name = "reply_messenger"
    channel = "messenger"
    account = PageReplyAccount
    shares: tuple[str, ...] = ("token", "human_agent", "api")
    required: tuple[str, ...] = ("token",)

    async def send(self, reply: Reply, settings: PageReplyAccount, signing_key: bytes) -> str:
        """Send one reply; return Meta's id of it."""
        target = require_target(reply.reply_to, settings.token, "[channels.messenger.ACCOUNT]")
        return await meta_graph.send_from_page(
            target, reply.text, "comments", settings, "Messenger"
        )
