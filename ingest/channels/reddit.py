"""The Reddit channel takes comments that name the account, and answers to its own comments.

Reddit gives access to its API only by contract. Its rate limit's header has the seconds that
remain.
Source: reddit.com/dev/api.
"""

import functools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message
from ingest.parsing.json_values import Text, decode_json, parse_time
from ingest.source import Source, SourceContext
from ingest.sources.polling import (
    BearerToken,
    PolledItem,
    PolledSource,
    VendorClient,
    archived_item,
    build_item,
    content_hash,
    identify_version,
)
from schemas.account_fields import ApiAddress, Brand, PollInterval, TokenAddress
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party, Post

_MAX_ANSWER_CHARS = 10_000  # Reddit refuses longer comments
_DELETED = "[deleted]"
_REMOVED = "[removed]"
_INBOXES = ("mentions", "comments", "selfreply")


class Account(Record, frozen=True, kw_only=True):
    """One account and its app."""

    brand: Brand = ""
    username: Annotated[str, msgspec.Meta(description="The account's name.")] = ""
    client_id: Annotated[str, msgspec.Meta(description="The id of the app.")] = ""
    client_secret: Annotated[str, msgspec.Meta(description="The secret of the app.")] = ""
    refresh_token: Annotated[str, msgspec.Meta(description="The refresh token of the account.")] = (
        ""
    )
    agent: Annotated[
        str,
        msgspec.Meta(
            description="The app's name as Reddit wants it: platform:app:version (by /u/user)."
        ),
    ] = "linux:santral:1 (by /u/santral)"
    api: ApiAddress = "https://oauth.reddit.com"
    token_url: TokenAddress = "https://www.reddit.com/api/v1/access_token"  # noqa: S105 - an address
    poll: PollInterval = timedelta(minutes=1)


class InboxEntry(Record, frozen=True, kw_only=True):
    """A comment in the inbox, or a private message when `was_comment` is false."""

    name: str = ""
    author: str | None = ""
    body: str | None = ""
    subject: str | None = ""
    context: str | None = ""
    link_id: str | None = ""
    parent_id: str | None = ""
    first_message_name: str | None = ""
    created_utc: Text = None
    was_comment: bool = True


class Thing(Record, frozen=True, kw_only=True):
    """An object of a listing, with its kind."""

    kind: str = ""
    data: InboxEntry = InboxEntry()


class ListingData(Record, frozen=True, kw_only=True):
    """The objects of a listing."""

    children: tuple[msgspec.Raw, ...] = ()


class Listing(Record, frozen=True, kw_only=True):
    """A page of objects."""

    data: ListingData = ListingData()


class Reddit:
    """The channel of Reddit comments."""

    name = "reddit"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "comments that name the account, answers to its own ones, and later versions"
    ignores = "our own comments, and deleted or removed ones"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one comment."""
        archived = archived_item(delivery.raw)
        entry = decode_json(Thing, archived.item).data
        if not entry.name:
            raise Rejected("json.invalid", "a thing without its name")
        reason = _reason_to_ignore(entry, context.settings or Account())
        if reason:
            raise Rejected("delivery.ignored", reason)
        author = entry.author or ""
        handles = (Handle(kind="handle", value=f"reddit:{author.lower()}"),) if author else ()
        native_id, event = identify_version("reddit", delivery, entry.name, archived.version)
        return Parsed(
            message=build_message(
                "reddit",
                delivery,
                context,
                native_id=native_id,
                root=f"{_top_post(entry)}|{author}",
                kind="post",
                text=entry.body or "",
                event=event,
                sender=Party(name=author, handles=handles),
                sent_at=parse_time(entry.created_utc),
                reply_to=entry.name,
                thread=(entry.name,),
                post=Post(
                    url=f"https://www.reddit.com{entry.context}" if entry.context else None,
                    parent=entry.parent_id or None,
                ),
                answering=Answering(limit=_MAX_ANSWER_CHARS, public=entry.was_comment),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Return whether the settings name an account and a token to read its inbox with."""
        return bool(settings.username and settings.refresh_token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the inbox of one account."""
        return PolledSource("reddit", account, settings, context, RedditInbox().list_items)


class RedditInbox:
    """Lists the comments in an account's inbox, with one access token for all requests."""

    def __init__(self) -> None:
        self._bearer = BearerToken()

    async def list_items(
        self, settings: Account, client: VendorClient
    ) -> AsyncIterator[PolledItem]:
        """Yield the newest hundred comments of each kind.

        It reads no further pages: Reddit names the next page by a comment, and after the deletion
        of that comment it returns an empty page instead of an error.
        """
        form = {"grant_type": "refresh_token", "refresh_token": settings.refresh_token}
        agent = {"user-agent": settings.agent}
        auth = (settings.client_id, settings.client_secret)
        for inbox in _INBOXES:
            headers = await self._bearer.headers(
                client, settings.token_url, form, auth=auth, headers=agent
            )
            body = await client.get(
                f"{settings.api}/message/{inbox}",
                params={"limit": "100", "raw_json": "1"},
                headers=headers | agent,
            )
            for raw in decode_json(Listing, body).data.children:
                yield build_item(raw, functools.partial(_item_of, raw))


def _item_of(raw: msgspec.Raw) -> PolledItem:
    entry = decode_json(Thing, raw).data
    return PolledItem(
        id=entry.name,
        raw=bytes(raw),
        version=content_hash(entry.body),
        created_at=parse_time(entry.created_utc),
    )


def _reason_to_ignore(entry: InboxEntry, settings: Account) -> str:
    """Return why a comment is not a customer's, empty for a customer's comment."""
    author = entry.author or ""
    if settings.username and author.lower() == settings.username.lower():
        return "our own"
    if entry.body in (_DELETED, _REMOVED) or author == _DELETED:
        return "deleted or removed"
    return ""


def _top_post(entry: InboxEntry) -> str:
    """Return the post above a comment, which in the inbox only the comment's address names."""
    if entry.link_id:
        return entry.link_id
    parts = (entry.context or "").split("/")
    return f"t3_{parts[4]}" if len(parts) > 4 and parts[3] == "comments" else entry.name
