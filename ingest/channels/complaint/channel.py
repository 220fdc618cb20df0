"""The channel of complaint sites and forums.

source.py reads a feed or a JSON list, or the site calls /v1/hooks/complaint/ACCOUNT.
"""

from typing import Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message
from ingest.channels.complaint.account import Account
from ingest.channels.complaint.entries import split_body
from ingest.channels.complaint.proof import check_signature, signature_header
from ingest.channels.complaint.source import SiteLister
from ingest.parsing.complaint_feed import ComplaintEntry
from ingest.parsing.json_values import decode_json, parse_time
from ingest.source import Source, SourceContext
from ingest.sources.polling import PolledSource, archived_item, identify_version
from ingest.webhook import MIB, WebhookContext, WebhookRequest, WebhookResult
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party, Post
from schemas.text.fold import fold

_MAX_HANDLE_CHARS = 512


class Complaint:
    """The channel of complaint sites, its webhook and its poll."""

    name = "complaint"
    channel = "complaint"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = 8 * MIB
    account = Account
    takes = "entries of a feed or a JSON list, and calls of the site, with their later versions"
    ignores = "entries without any of the keywords, where the account has some"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return the header that carries the proof."""
        return (signature_header(settings),)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the entries of a call; raise Rejected without the site's signature."""
        check_signature(request, settings, context.now)
        context.report_proven()
        return split_body(request.body, settings)

    def take(self, body: bytes) -> WebhookResult:
        """Return the entries in a captured feed or JSON, by the default names of fields."""
        return split_body(body, Account())

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one entry."""
        settings = context.settings or Account()
        archived = archived_item(delivery.raw)
        entry = decode_json(ComplaintEntry, archived.item)
        if not entry.id:
            raise Rejected("json.invalid", "an entry without its id")
        if not _has_keyword(entry, settings.keywords):
            raise Rejected("delivery.ignored", "none of the keywords")
        author = entry.author_id or entry.author
        native_id, event = identify_version("complaint", delivery, entry.id, archived.version)
        return Parsed(
            message=build_message(
                "complaint",
                delivery,
                context,
                native_id=native_id,
                root=f"{entry.thread}|{author}" if entry.thread else entry.id,
                kind="post" if entry.rating is None else "review",
                subject=entry.title,
                text=entry.text or entry.title,
                event=event,
                sender=Party(name=entry.author, handles=_handles(author)),
                sent_at=parse_time(entry.updated if event else entry.created or entry.updated),
                post=Post(url=entry.url or None, rating=entry.rating),
                answering=Answering(forbidden=settings.answering, public=True),
            )
        )

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the address to set up at a site that calls."""
        return f"the complaint site: webhook address {url}" if settings.secret else None

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the webhook's secret."""
        return msgspec.structs.replace(settings, secret=value)

    def pulls(self, settings: Account) -> bool:
        """Return whether the account has a feed or a JSON list to read."""
        return bool(settings.feed or settings.api)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one site."""
        return PolledSource("complaint", account, settings, context, SiteLister().list_items)


def _has_keyword(entry: ComplaintEntry, keywords: tuple[str, ...]) -> bool:
    """Return whether an entry contains a keyword, or the account has no keywords."""
    text = fold(f"{entry.title}\n{entry.text}")
    return not keywords or any(fold(keyword).strip() in text for keyword in keywords)


def _handles(author: str) -> tuple[Handle, ...]:
    if not author:
        return ()
    return (Handle(kind="handle", value=f"complaint:{author}"[:_MAX_HANDLE_CHARS]),)
