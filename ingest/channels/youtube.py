"""YouTube: comments under the videos of a channel.

Before: YouTube holds threads of comments. After: accept publishes. A thread is a conversation of
its own for each person in it. A new answer does not lift an old thread: their number is compared.
Source: developers.google.com/youtube/v3, commentThreads, comments.
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
    unreadable_item,
)
from schemas.account_fields import ApiAddress, Brand, PollInterval, TokenAddress
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party, Post

LIMIT = 10_000
_THREAD_KIND = "youtube#commentThread"


class Account(Record, frozen=True, kw_only=True):
    """One channel and an OAuth client."""

    brand: Brand = ""
    channel_id: Annotated[str, msgspec.Meta(description="The channel's id, UC….")] = ""
    client_id: Annotated[str, msgspec.Meta(description="The id of the OAuth client.")] = ""
    client_secret: Annotated[str, msgspec.Meta(description="The secret of the OAuth client.")] = ""
    refresh_token: Annotated[
        str, msgspec.Meta(description="The refresh token, scope youtube.force-ssl.")
    ] = ""
    threads: Annotated[
        int,
        msgspec.Meta(
            description=(
                "The newest threads that each pass reads; 100 cost one unit of the day's 10,000."
            )
        ),
    ] = 200
    api: ApiAddress = "https://www.googleapis.com/youtube/v3"
    token_url: TokenAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    poll: PollInterval = timedelta(minutes=5)


class Author(Record, frozen=True, kw_only=True):
    """Who wrote it."""

    value: str = ""


class CommentSnippet(Record, frozen=True, kw_only=True, rename="camel"):
    """What a comment says."""

    text_display: str | None = ""
    text_original: str | None = ""
    author_display_name: str | None = ""
    author_channel_id: Author = Author()
    video_id: str | None = ""
    parent_id: str | None = ""
    published_at: Text = None
    updated_at: Text = None


class YoutubeComment(Record, frozen=True, kw_only=True):
    """A comment."""

    id: str = ""
    snippet: CommentSnippet = CommentSnippet()


class ThreadSnippet(Record, frozen=True, kw_only=True, rename="camel"):
    """What a thread is."""

    top_level_comment: msgspec.Raw
    total_reply_count: int = 0
    video_id: str | None = ""


class ThreadReplies(Record, frozen=True, kw_only=True):
    """Some of a thread's answers."""

    comments: tuple[msgspec.Raw, ...] = ()


class Thread(Record, frozen=True, kw_only=True):
    """A thread."""

    id: str = ""
    snippet: ThreadSnippet
    replies: ThreadReplies = ThreadReplies()


class Resource(Record, frozen=True, kw_only=True):
    """An object of the API, whose kind distinguishes a thread from a comment."""

    kind: str = ""


class CommentsPage(Record, frozen=True, kw_only=True, rename="camel"):
    """A page of threads, or of comments."""

    items: tuple[msgspec.Raw, ...] = ()
    next_page_token: str | None = ""


class Youtube:
    """The channel and its poll."""

    name = "youtube"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "comments and answers of others under the channel's videos, and later versions"
    ignores = "the channel's own comments"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one comment."""
        told: Account = context.settings or Account()
        kept = archived_item(delivery.raw)
        comment = _read_comment(kept.item)
        words = comment.snippet
        who = words.author_channel_id.value
        if not comment.id:
            raise Rejected("json.invalid", "a comment without its id")
        if who and who == told.channel_id:
            raise Rejected("delivery.ignored", "our own")
        top = words.parent_id or comment.id.partition(".")[0]
        native, event = identify_version("youtube", delivery, comment.id, kept.version)
        link = f"https://www.youtube.com/watch?v={words.video_id}&lc={comment.id}"
        return Parsed(
            message=build_message(
                "youtube",
                delivery,
                context,
                native_id=native,
                root=f"{top}|{who}",
                kind="post",
                text=words.text_original or words.text_display or "",
                event=event,
                sender=Party(
                    name=words.author_display_name or "",
                    handles=(Handle(kind="handle", value=f"youtube:{who}"),) if who else (),
                ),
                sent_at=parse_time(words.updated_at if event else words.published_at),
                post=Post(url=link if words.video_id else None, parent=words.parent_id or None),
                reply_to=top,
                thread=(comment.id,),
                answering=Answering(limit=LIMIT, public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Say whether there is a channel to ask for."""
        return bool(settings.channel_id and settings.refresh_token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one channel."""
        return PolledSource("youtube", account, settings, context, Comments().items)


def _read_comment(item: msgspec.Raw) -> YoutubeComment:
    """Return a comment, or the first comment of a thread, which only an unreadable thread is."""
    if decode_json(Resource, item).kind == _THREAD_KIND:
        item = decode_json(Thread, item).snippet.top_level_comment
    return decode_json(YoutubeComment, item)


class Comments:
    """Lists the newest threads, and asks for the answers of those that grew."""

    def __init__(self) -> None:
        self._bearer = BearerToken()
        self._answers: dict[str, int] = {}

    async def items(self, settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
        """Yield the comments of the newest threads, those that grew with all their answers."""
        token, left = "", settings.threads
        while left > 0:
            query = {
                "part": "snippet,replies",
                "allThreadsRelatedToChannelId": settings.channel_id,
                "maxResults": "100",
                "order": "time",
                "textFormat": "plainText",
            }
            query |= {"pageToken": token} if token else {}
            page = decode_json(
                CommentsPage, await self._get(settings, client, "commentThreads", query)
            )
            for raw in page.items:
                try:
                    thread = decode_json(Thread, raw)
                except Rejected:
                    yield unreadable_item(raw)
                    continue
                top = thread.snippet.top_level_comment
                yield build_item(top, functools.partial(_item, top))
                count, inline = thread.snippet.total_reply_count, thread.replies.comments
                for below in inline:
                    yield build_item(below, functools.partial(_item, below))
                if count > len(inline) and count != self._answers.get(thread.id):
                    async for item in self._below(settings, client, thread.id):
                        yield item
                self._answers[thread.id] = count
            left -= 100
            token = page.next_page_token or ""
            if not token:
                return

    async def _below(
        self, settings: Account, client: VendorClient, thread: str
    ) -> AsyncIterator[PolledItem]:
        token = ""
        while True:
            query = {
                "part": "snippet",
                "parentId": thread,
                "maxResults": "100",
                "textFormat": "plainText",
            }
            query |= {"pageToken": token} if token else {}
            page = decode_json(CommentsPage, await self._get(settings, client, "comments", query))
            for raw in page.items:
                yield build_item(raw, functools.partial(_item, raw))
            token = page.next_page_token or ""
            if not token:
                return

    async def _get(
        self, settings: Account, client: VendorClient, what: str, query: dict[str, str]
    ) -> bytes:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": settings.refresh_token,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
        }
        headers = await self._bearer.headers(client, settings.token_url, form)
        return await client.get(f"{settings.api}/{what}", params=query, headers=headers)


def _item(raw: msgspec.Raw) -> PolledItem:
    told = decode_json(YoutubeComment, raw)
    words = told.snippet
    version = content_hash(words.text_original or words.text_display)
    return PolledItem(
        id=told.id, raw=bytes(raw), version=version, created_at=parse_time(words.published_at)
    )
