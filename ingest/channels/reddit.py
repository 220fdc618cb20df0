"""Reddit: comments and posts that name the account, and answers to it.

Before: the account's inbox holds them. After: accept publishes. Reddit gives its API by contract
only. Its limit's header is the seconds that are left. Source: reddit.com/dev/api.
"""

import functools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any, Literal

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

LIMIT = 10_000
_GONE = ("[deleted]", "[removed]")


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


class RedditMessage(Record, frozen=True, kw_only=True):
    """A comment or a message about one."""

    name: str = ""
    author: str | None = ""
    body: str | None = ""
    subject: str | None = ""
    context: str | None = ""
    link_id: str | None = ""
    parent_id: str | None = ""
    first_message_name: str | None = ""
    created_utc: Text = None
    edited: Any = False
    was_comment: bool = True


class Thing(Record, frozen=True, kw_only=True):
    """Something in a listing."""

    kind: str = ""
    data: RedditMessage = RedditMessage()


class Children(Record, frozen=True, kw_only=True):
    """The things of a listing."""

    children: tuple[msgspec.Raw, ...] = ()


class Listing(Record, frozen=True, kw_only=True):
    """A listing."""

    data: Children = Children()


class Reddit:
    """The channel and its poll."""

    name = "reddit"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "comments that name the account, answers to its own ones, and later versions"
    ignores = "our own comments, and deleted or removed ones"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one thing."""
        told: Account = context.settings or Account()
        kept = archived_item(delivery.raw)
        words = decode_json(Thing, kept.item).data
        if not words.name:
            raise Rejected("json.invalid", "a thing without its name")
        who = words.author or ""
        if told.username and who.lower() == told.username.lower():
            raise Rejected("delivery.ignored", "our own")
        if words.body in _GONE or who == "[deleted]":
            raise Rejected("delivery.ignored", "deleted or removed")
        native, event = identify_version("reddit", delivery, words.name, kept.version)
        root = _root(words)
        handles = (Handle(kind="handle", value=f"reddit:{who.lower()}"),) if who else ()
        return Parsed(
            message=build_message(
                "reddit",
                delivery,
                context,
                native_id=native,
                root=f"{root}|{who}",
                kind="post",
                text=words.body or "",
                event=event,
                sender=Party(name=who, handles=handles),
                sent_at=parse_time(words.created_utc),
                reply_to=words.name,
                thread=(words.name,),
                post=Post(
                    url=f"https://www.reddit.com{words.context}" if words.context else None,
                    parent=words.parent_id or None,
                ),
                answering=Answering(limit=LIMIT, public=words.was_comment),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Say whether there is an account to ask for."""
        return bool(settings.username and settings.refresh_token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one account."""
        return PolledSource("reddit", account, settings, context, Inbox().items)


def _root(words: RedditMessage) -> str:
    """Return the post it stands under: in the inbox only its address tells."""
    parts = (words.context or "").split("/")
    if words.link_id:
        return words.link_id
    return f"t3_{parts[4]}" if len(parts) > 4 and parts[3] == "comments" else words.name


def _item(raw: msgspec.Raw) -> PolledItem:
    told = decode_json(Thing, raw).data
    at = parse_time(told.created_utc)
    return PolledItem(id=told.name, raw=bytes(raw), version=content_hash(told.body), created_at=at)


class Inbox:
    """Lists what names the account and what answers it."""

    def __init__(self) -> None:
        self._bearer = BearerToken()

    async def items(self, settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
        """Yield the newest hundred of each: a deleted anchor would end a walk unseen."""
        form = {"grant_type": "refresh_token", "refresh_token": settings.refresh_token}
        agent = {"user-agent": settings.agent}
        auth = (settings.client_id, settings.client_secret)
        for where in ("mentions", "comments", "selfreply"):
            token = await self._bearer.headers(
                client, settings.token_url, form, auth=auth, headers=agent
            )
            raw = await client.get(
                f"{settings.api}/message/{where}",
                params={"limit": "100", "raw_json": "1"},
                headers=token | agent,
            )
            for one in decode_json(Listing, raw).data.children:
                yield build_item(one, functools.partial(_item, one))
