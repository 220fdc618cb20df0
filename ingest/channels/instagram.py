"""Instagram: direct messages, comments and mentions.

Before: Meta calls /v1/hooks/instagram/ACCOUNT. After: accept publishes. With Instagram Login an
app has a second secret: either proves a call. Source: meta_messaging/wire.py names them.
"""

from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.vendors import meta_webhook
from ingest.vendors.meta_messaging import account as meta_account
from ingest.vendors.meta_messaging.comments import fetch_mention
from ingest.vendors.meta_messaging.items import select_items
from ingest.vendors.meta_messaging.parser import parse_item
from ingest.webhook import MIB, WebhookContext, WebhookRequest, WebhookResult, require_secret


class Account(meta_account.Account, frozen=True, kw_only=True):
    """One app; the secret of Instagram Login proves calls, too."""

    instagram_secret: Annotated[
        str, msgspec.Meta(description="The app secret of Instagram Login, where that is used.")
    ] = ""


class Instagram:
    """The channel, and the hook of its vendor."""

    name = "instagram"
    channel = "instagram"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = 4 * MIB
    account = Account
    takes = "direct messages with files, postbacks, quick replies, comments, posts, mentions"
    ignores = "echoes, delivery and read receipts, opt-ins, referrals, likes"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        secret = settings.app_secret or settings.instagram_secret
        require_secret(secret, "app_secret", "[channels.instagram.ACCOUNT]")
        return ("x-hub-signature-256",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of Meta's held."""
        where = "[channels.instagram.ACCOUNT]"
        if request.method == "GET":
            return meta_webhook.handshake(request, settings.verify_token, where)
        meta_webhook.prove(request, (settings.app_secret, settings.instagram_secret), where)
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the messages in a body; Rejected when it is no webhook's."""
        return select_items(body, "instagram")

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one stored item."""
        return parse_item("instagram", delivery, context)

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: Account, web: MediaClient
    ) -> bytes:
        """Return a mention with its words."""
        return await fetch_mention(ref, raw, settings, web)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file: it lies at a public address that ends after a while."""
        return await web.get(ref)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        fields = (
            "messages, messaging_postbacks, message_reactions, comments, live_comments, mentions"
        )
        return meta_account.setup(settings, url, "Instagram", fields)

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the app's secret."""
        return msgspec.structs.replace(settings, app_secret=value)
