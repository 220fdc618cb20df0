"""Facebook: Messenger's direct messages, and comments, posts and mentions of a Page.

Before: Meta calls /v1/hooks/messenger/ACCOUNT (one address a Page). After: accept publishes.
Source: ingest/vendors/meta_messaging/wire.py names them.
"""

from typing import Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.vendors import meta_webhook
from ingest.vendors.meta_messaging import account as meta_account
from ingest.vendors.meta_messaging.comments import fetch_mention
from ingest.vendors.meta_messaging.items import select_items
from ingest.vendors.meta_messaging.parser import parse_item
from ingest.webhook import MIB, WebhookContext, WebhookRequest, WebhookResult, require_secret


class Messenger:
    """The channel, and the hook of its vendor."""

    name = "messenger"
    channel = "messenger"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = 4 * MIB
    account = meta_account.Account
    takes = "direct messages with files, postbacks, quick replies, comments, posts, mentions"
    ignores = "echoes, delivery and read receipts, opt-ins, referrals, likes"

    def proof_headers(self, settings: meta_account.Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.app_secret, "app_secret", "[channels.messenger.ACCOUNT]")
        return ("x-hub-signature-256",)

    async def receive(
        self, request: WebhookRequest, settings: meta_account.Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of Meta's held."""
        where = "[channels.messenger.ACCOUNT]"
        if request.method == "GET":
            return meta_webhook.handshake(request, settings.verify_token, where)
        meta_webhook.prove(request, (settings.app_secret,), where)
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the messages in a body; Rejected when it is no webhook's."""
        return select_items(body, "page")

    def parse(self, delivery: Delivery, context: Context[meta_account.Account]) -> Parsed:
        """Return the Message of one stored item."""
        return parse_item("messenger", delivery, context)

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: meta_account.Account, web: MediaClient
    ) -> bytes:
        """Return a mention with its words."""
        return await fetch_mention(ref, raw, settings, web)

    async def fetch(self, ref: str, settings: meta_account.Account, web: MediaClient) -> bytes:
        """Return a file: it lies at a public address that ends after a while."""
        return await web.get(ref)

    def setup(self, settings: meta_account.Account, url: str) -> str | None:
        """Return what to set up."""
        fields = "messages, messaging_postbacks, message_edits, message_reactions, feed, mention"
        return meta_account.setup(settings, url, "Messenger", fields)

    def secret(self, settings: meta_account.Account, value: str) -> meta_account.Account:
        """Return the settings with the app's secret."""
        return msgspec.structs.replace(settings, app_secret=value)
