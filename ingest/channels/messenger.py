"""Facebook: Messenger's direct messages, and comments, posts and mentions of a Page.

Before: Meta calls /v1/hooks/messenger/ACCOUNT (one address a Page). After: accept publishes.
Source: ingest/vendors/meta_messaging.py names them.
"""

from typing import Any, Literal

import msgspec

from ingest.channel import Context, Delivery, Parsed, Web
from ingest.vendors import meta_messaging, meta_webhook
from ingest.webhook import MIB, Call, HookTools, Taken, need


class Messenger:
    """The channel, and the hook of its vendor."""

    name = "messenger"
    channel = "messenger"
    way: Literal["push", "pull"] = "push"
    patient = True
    max_body = 4 * MIB
    account: type[msgspec.Struct] = meta_messaging.Account
    takes = "direct messages with files, postbacks, quick replies, comments, posts, mentions"
    ignores = "echoes, delivery and read receipts, opt-ins, referrals, likes"

    def proof_headers(self, settings: Any) -> tuple[str, ...]:
        """Return where the proof is."""
        need(settings.app_secret, "app_secret", "[channels.messenger.ACCOUNT]")
        return ("x-hub-signature-256",)

    async def receive(self, call: Call, settings: Any, tools: HookTools) -> Taken:
        """Return what a call of Meta's held."""
        where = "[channels.messenger.ACCOUNT]"
        if call.method == "GET":
            return meta_webhook.handshake(call, settings.verify_token, where)
        meta_webhook.prove(call, (settings.app_secret,), where)
        tools.proven()
        return self.take(call.body)

    def take(self, body: bytes) -> Taken:
        """Return the messages in a body; Rejected when it is no webhook's."""
        return meta_messaging.take(body, "page")

    def parse(self, delivery: Delivery, context: Context) -> Parsed:
        """Return the Message of one stored item."""
        return meta_messaging.parse("messenger", delivery, context)

    async def whole(self, ref: str, raw: bytes, settings: Any, web: Web) -> bytes:
        """Return a mention with its words."""
        return await meta_messaging.whole(ref, raw, settings, web)

    async def fetch(self, ref: str, settings: Any, web: Web) -> bytes:
        """Return a file: it lies at a public address that ends after a while."""
        return await web.get(ref)

    def setup(self, settings: Any, url: str) -> str | None:
        """Return what to set up."""
        fields = "messages, messaging_postbacks, message_edits, message_reactions, feed, mention"
        return meta_messaging.setup(settings, url, "Messenger", fields)

    def secret(self, settings: Any, value: str) -> Any:
        """Return the settings with the app's secret."""
        return msgspec.structs.replace(settings, app_secret=value)
