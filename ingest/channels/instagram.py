"""The Instagram channel: direct messages, comments and mentions.

Meta calls /v1/hooks/instagram/ACCOUNT. With Instagram Login an app has a second secret, and either
one proves a call. ingest/vendors/meta_messaging/ reads the calls and names their sources.
"""

from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.vendors.meta_messaging import account as meta_account
from ingest.vendors.meta_messaging.comments import fetch_mention
from ingest.vendors.meta_messaging.items import select_items
from ingest.vendors.meta_messaging.parser import parse_item
from ingest.vendors.meta_webhook import MetaWebhook
from ingest.webhook import MIB, WebhookResult


class Account(meta_account.Account, frozen=True, kw_only=True):
    """One app; the secret of Instagram Login proves calls, too."""

    instagram_secret: Annotated[
        str, msgspec.Meta(description="The app secret of Instagram Login, where that is used.")
    ] = ""


class Instagram(MetaWebhook[Account]):
    """The channel of Instagram accounts."""

    name = "instagram"
    channel = "instagram"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = 4 * MIB
    account = Account
    takes = (
        "direct messages with files, postbacks, quick replies, comments, posts, mentions, edits, "
        "deletions, reactions"
    )
    ignores = "echoes, delivery and read receipts, opt-ins, referrals, likes"

    def app_secrets(self, settings: Account) -> tuple[str, ...]:
        """Return the app's secret and that of its Instagram Login."""
        return (settings.app_secret, settings.instagram_secret)

    def take(self, body: bytes) -> WebhookResult:
        """Return the items in a body; raise Rejected for a body of another product."""
        return select_items(body, "instagram")

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one archived item."""
        return parse_item("instagram", delivery, context)

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: Account, web: MediaClient
    ) -> bytes:
        """Return a mention with its text."""
        return await fetch_mention(ref, raw, settings, web)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file from its public address, which expires after a while."""
        return await web.get(ref)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the webhook, None without a secret."""
        fields = (
            "messages, messaging_postbacks, message_reactions, comments, live_comments, mentions"
        )
        return meta_account.setup(settings, url, "Instagram", fields)

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the app's secret."""
        return msgspec.structs.replace(settings, app_secret=value)
