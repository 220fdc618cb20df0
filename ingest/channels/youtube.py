"""The YouTube channel takes the comments of others under the videos of a channel.

Each person in a thread has a conversation of their own. A new answer does not move its thread up in
the listing, so the source compares the number of a thread's answers with that of the last pass.
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

_MAX_ANSWER_CHARS = 10_000  # YouTube refuses longer comments
_PAGE_SIZE = 100  # threads or comments; YouTube gives no more at one time
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
                "The number of newest threads that each pass reads; 100 cost one of the day's "
                "10,000 units."
            )
        ),
    ] = 200
    api: ApiAddress = "https://www.googleapis.com/youtube/v3"
    token_url: TokenAddress = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    poll: PollInterval = timedelta(minutes=5)


class AuthorChannelId(Record, frozen=True, kw_only=True):
    """The id of an author's own channel."""

    value: str = ""


class CommentSnippet(Record, frozen=True, kw_only=True, rename="camel"):
    """The text, the author and the times of a comment."""

    text_display: str | None = ""
    text_original: str | None = ""
    author_display_name: str | None = ""
    author_channel_id: AuthorChannelId = AuthorChannelId()
    video_id: str | None = ""
    parent_id: str | None = ""
    published_at: Text = None
    updated_at: Text = None


class YoutubeComment(Record, frozen=True, kw_only=True):
    """A comment."""

    id: str = ""
    snippet: CommentSnippet = CommentSnippet()


class ThreadSnippet(Record, frozen=True, kw_only=True, rename="camel"):
    """The first comment of a thread, and the number of its answers."""

    top_level_comment: msgspec.Raw
    total_reply_count: int = 0
    video_id: str | None = ""


class ThreadReplies(Record, frozen=True, kw_only=True):
    """Some of a thread's answers."""

    comments: tuple[msgspec.Raw, ...] = ()


class CommentThread(Record, frozen=True, kw_only=True):
    """A comment with its answers."""

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
    """The channel of YouTube comments."""

    name = "youtube"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "comments and answers of others under the channel's videos, and later versions"
    ignores = "the channel's own comments"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one comment."""
        settings = context.settings or Account()
        archived = archived_item(delivery.raw)
        comment = _read_comment(archived.item)
        snippet = comment.snippet
        author = snippet.author_channel_id.value
        if not comment.id:
            raise Rejected("json.invalid", "a comment without its id")
        if author and author == settings.channel_id:
            raise Rejected("delivery.ignored", "our own")
        thread = snippet.parent_id or comment.id.partition(".")[0]
        url = f"https://www.youtube.com/watch?v={snippet.video_id}&lc={comment.id}"
        native_id, event = identify_version("youtube", delivery, comment.id, archived.version)
        return Parsed(
            message=build_message(
                "youtube",
                delivery,
                context,
                native_id=native_id,
                root=f"{thread}|{author}",
                kind="post",
                text=snippet.text_original or snippet.text_display or "",
                event=event,
                sender=Party(
                    name=snippet.author_display_name or "",
                    handles=(Handle(kind="handle", value=f"youtube:{author}"),) if author else (),
                ),
                sent_at=parse_time(snippet.updated_at if event else snippet.published_at),
                post=Post(url=url if snippet.video_id else None, parent=snippet.parent_id or None),
                reply_to=thread,
                thread=(comment.id,),
                answering=Answering(limit=_MAX_ANSWER_CHARS, public=True),
            )
        )

    def pulls(self, settings: Account) -> bool:
        """Return whether the settings name a channel and a token to read its comments with."""
        return bool(settings.channel_id and settings.refresh_token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the source that lists the comments under the channel's videos."""
        return PolledSource("youtube", account, settings, context, VideoComments().list_items)


class VideoComments:
    """Lists the newest threads of a channel, and all answers of the threads that grew."""

    def __init__(self) -> None:
        self._bearer = BearerToken()
        self._reply_counts: dict[str, int] = {}

    async def list_items(
        self, settings: Account, client: VendorClient
    ) -> AsyncIterator[PolledItem]:
        """Yield the comments of the newest threads, and all answers of the threads that grew."""
        page_token, threads_left = "", settings.threads
        while threads_left > 0:
            query = {
                "part": "snippet,replies",
                "allThreadsRelatedToChannelId": settings.channel_id,
                "maxResults": str(_PAGE_SIZE),
                "order": "time",
                "textFormat": "plainText",
            }
            query |= {"pageToken": page_token} if page_token else {}
            page = await self._page(settings, client, "commentThreads", query)
            for raw in page.items:
                async for item in self._thread_items(settings, client, raw):
                    yield item
            threads_left -= _PAGE_SIZE
            page_token = page.next_page_token or ""
            if not page_token:
                return

    async def _thread_items(
        self, settings: Account, client: VendorClient, raw: msgspec.Raw
    ) -> AsyncIterator[PolledItem]:
        """Yield the comments of a thread, or the thread itself when it is unreadable."""
        try:
            thread = decode_json(CommentThread, raw)
        except Rejected:
            yield unreadable_item(raw)
            return
        listed = (thread.snippet.top_level_comment, *thread.replies.comments)
        for comment in listed:
            yield build_item(comment, functools.partial(_build_comment_item, comment))
        count = thread.snippet.total_reply_count
        is_partial = count > len(thread.replies.comments)
        if is_partial and count != self._reply_counts.get(thread.id):
            async for item in self._replies(settings, client, thread.id):
                yield item
        self._reply_counts[thread.id] = count

    async def _replies(
        self, settings: Account, client: VendorClient, thread: str
    ) -> AsyncIterator[PolledItem]:
        page_token = ""
        while True:
            query = {
                "part": "snippet",
                "parentId": thread,
                "maxResults": str(_PAGE_SIZE),
                "textFormat": "plainText",
            }
            query |= {"pageToken": page_token} if page_token else {}
            page = await self._page(settings, client, "comments", query)
            for raw in page.items:
                yield build_item(raw, functools.partial(_build_comment_item, raw))
            page_token = page.next_page_token or ""
            if not page_token:
                return

    async def _page(
        self, settings: Account, client: VendorClient, collection: str, query: dict[str, str]
    ) -> CommentsPage:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": settings.refresh_token,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
        }
        headers = await self._bearer.headers(client, settings.token_url, form)
        url = f"{settings.api}/{collection}"
        return decode_json(CommentsPage, await client.get(url, params=query, headers=headers))


def _read_comment(item: msgspec.Raw) -> YoutubeComment:
    """Return the comment in an item.

    The source hands over an unreadable thread as it is; the comment is then the thread's first.
    """
    if decode_json(Resource, item).kind == _THREAD_KIND:
        item = decode_json(CommentThread, item).snippet.top_level_comment
    return decode_json(YoutubeComment, item)


def _build_comment_item(raw: msgspec.Raw) -> PolledItem:
    comment = decode_json(YoutubeComment, raw)
    snippet = comment.snippet
    return PolledItem(
        id=comment.id,
        raw=bytes(raw),
        version=content_hash(snippet.text_original or snippet.text_display),
        created_at=parse_time(snippet.published_at),
    )
