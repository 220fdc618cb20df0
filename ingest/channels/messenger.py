"""The Messenger channel: direct messages, and comments, posts and mentions of a Facebook Page.

Meta calls /v1/hooks/messenger/ACCOUNT, one address for each Page.
ingest/vendors/meta_messaging/ reads the calls and names their sources.
"""

from typing import Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.vendors.meta_messaging import account as meta_account
from ingest.vendors.meta_messaging.comments import fetch_mention
from ingest.vendors.meta_messaging.items import select_items
from ingest.vendors.meta_messaging.parser import parse_item
from ingest.vendors.meta_webhook import MetaWebhook
from ingest.webhook import MIB, WebhookResult


class Messenger(MetaWebhook[meta_account.Account]):
    """The channel of Facebook Pages."""

    name = "messenger"
    channel = "messenger"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = 4 * MIB
    account = meta_account.Account
    takes = (
        "direct messages with files, postbacks, quick replies, comments, posts, mentions, edits, "
        "deletions, reactions"
    )
    ignores = "echoes, delivery and read receipts, opt-ins, referrals, likes"

    def take(self, body: bytes) -> WebhookResult:
        """Return the items in a body; raise Rejected for a body of another product."""
        return select_items(body, "page")

    def parse(self, delivery: Delivery, context: Context[meta_account.Account]) -> Parsed:
        """Return the Message of one archived item."""
        return parse_item("messenger", delivery, context)

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: meta_account.Account, web: MediaClient
    ) -> bytes:
        """Return a mention with its text."""
        return await fetch_mention(ref, raw, settings, web)

    async def fetch(self, ref: str, settings: meta_account.Account, web: MediaClient) -> bytes:
        """Return a file from its public address, which expires after a while."""
        return await web.get(ref)

    def setup(self, settings: meta_account.Account, url: str) -> str | None:
        """Return the line that sets up the webhook, None without a secret."""
        fields = "messages, messaging_postbacks, message_edits, message_reactions, feed, mention"
        return meta_account.setup(settings, url, "Messenger", fields)

    def secret(self, settings: meta_account.Account, value: str) -> meta_account.Account:
        """Return the settings with the app's secret."""
        return msgspec.structs.replace(settings, app_secret=value)
