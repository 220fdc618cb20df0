"""The Mastodon channel: posts that mention the account, by its notifications."""

from typing import Literal

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.channels.mastodon.account import Account
from ingest.channels.mastodon.parser import parse_event
from ingest.channels.mastodon.source import NotificationsSource
from ingest.source import Source, SourceContext


class Mastodon:
    """The channel of Mastodon posts."""

    name = "mastodon"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "posts that mention the account, public and direct, with files, edits and deletions"
    ignores = "favourites, boosts, follows, polls and every other notification"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of an archived event, of a notification, or of a stream's frame."""
        return parse_event(delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file of a post."""
        return await web.get(ref, own=settings.url)

    def pulls(self, settings: Account) -> bool:
        """Return whether the settings name an account to read."""
        return bool(settings.url and settings.token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the notifications of one account."""
        return NotificationsSource(account, settings, context)
