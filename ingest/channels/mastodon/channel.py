"""Mastodon: posts that mention the account, by its notifications; the stream only wakes us up.

Before: a server has notifications. After: accept publishes. Notifications are walked forward from
the cursor by REST, so that nothing is missed while the stream was away; what the stream alone
tells (edits, deletions) is taken from it. Source: docs.joinmastodon.org, methods/notifications,
methods/streaming.
"""

import asyncio
import re
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlencode

import httpx2
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from ingest.channel import (
    Context,
    Delivery,
    HintKind,
    Media,
    MediaClient,
    Parsed,
    build_message,
    event_for,
)
from ingest.parsing.html.text import to_text
from ingest.parsing.json_values import Text, decode_json, parse_time, split_url
from ingest.source import Accept, CursorStore, Source, SourceContext
from ingest.sources.recent_posts import RecentPosts
from schemas.account_fields import Brand
from schemas.base import Record
from schemas.delays import OUTAGE_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry, retry_after
from schemas.message import Answering, Attachment, Handle, Party, Post
from schemas.state.cursor import Cursor

_PAGE = 80
_LINK = re.compile(
    r'<a\b[^>]{0,1000}?\bhref="([^"]{0,2000})"[^>]{0,500}>(.{0,1000}?)</a>', re.DOTALL
)
_MENTION = re.compile(r'class="[^"]*\b(?:mention|hashtag)\b')


class Account(Record, frozen=True, kw_only=True):
    """One account at a server."""

    brand: Brand = ""
    url: Annotated[
        str, msgspec.Meta(description="The server's address, like https://mastodon.social.")
    ] = ""
    token: Annotated[str, msgspec.Meta(description="The access token, with read and write.")] = ""
    poll: Annotated[
        timedelta, msgspec.Meta(description="The time between two passes, beside the stream.")
    ] = timedelta(seconds=60)
    limit: Annotated[
        int, msgspec.Meta(description="The most characters of a post on that server.")
    ] = 500


class Person(Record, frozen=True, kw_only=True):
    """An account; `acct` has no domain where it is of the same server."""

    id: Text = ""
    acct: str = ""
    url: str | None = ""
    display_name: str | None = ""
    bot: bool = False
    followers_count: int | None = None


class File(Record, frozen=True, kw_only=True):
    """A picture, film or sound."""

    type: str = ""
    url: str | None = ""
    remote_url: str | None = ""
    description: str | None = ""


class Status(Record, frozen=True, kw_only=True):
    """A post; its id is of this server alone, its uri of the whole network."""

    id: Text = ""
    uri: str = ""
    url: str | None = None
    content: str | None = ""
    spoiler_text: str | None = ""
    created_at: Text = None
    edited_at: Text = None
    visibility: str = "public"
    in_reply_to_id: Text = None
    account: Person = Person()
    media_attachments: tuple[File, ...] = ()


class Notification(Record, frozen=True, kw_only=True):
    """What happened; only a mention is for us."""

    id: Text = ""
    type: str = ""
    status: Status | None = None


class Stored(Record, frozen=True, kw_only=True):
    """An event with what its conversation hangs on, as the archive keeps it."""

    kind: Literal["mention", "edited", "deleted"]
    root: str = ""
    uri: str = ""
    author: str = ""
    status: Status | None = None


class Around(Record, frozen=True, kw_only=True):
    """What stands before a post."""

    ancestors: tuple[Status, ...] = ()


class Told(Record, frozen=True, kw_only=True):
    """A frame of the stream; the payload is JSON in a text, of a deletion a bare id."""

    event: str = ""
    payload: str | None = ""


class Mastodon:
    """The channel."""

    name = "mastodon"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "none"
    account = Account
    takes = "posts that mention the account, public and direct, with files, edits and deletions"
    ignores = "favourites, boosts, follows, polls and every other notification"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of a stored event, of a notification, or of a frame of the stream."""
        stored = _stored(delivery.raw)
        if stored.kind == "deleted":
            return _deleted(stored, delivery, context)
        return _posted(stored, delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file of a post."""
        return await web.get(ref, own=settings.url)

    def pulls(self, settings: Account) -> bool:
        """Say whether there is an account to read."""
        return bool(settings.url and settings.token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the notifications of one account."""
        return Notifications(account, settings, context)


def _stored(raw: bytes) -> Stored:
    """Return the event in any of the forms it is captured in."""
    keys = decode_json(dict[str, msgspec.Raw], raw).keys()
    if "kind" in keys:
        return decode_json(Stored, raw)
    if "payload" in keys or "event" in keys:
        told = decode_json(Told, raw)
        if told.event == "delete":
            raise Rejected("delivery.ignored", "the deletion of a post that was not taken")
        if told.event not in ("notification", "status.update"):
            raise Rejected("delivery.ignored", f"{told.event[:30] or 'no'} event")
        inner = (told.payload or "").encode("utf-8", "replace")
        if told.event == "status.update":
            return _of(decode_json(Status, inner), "edited")
        raw = inner
    note = decode_json(Notification, raw)
    if note.type != "mention" or note.status is None:
        if not note.type:
            raise Rejected("json.invalid", "no notification of Mastodon's: no type")
        raise Rejected("delivery.ignored", f"{note.type[:30]} notification")
    return _of(note.status, "mention")


def _of(status: Status, kind: Literal["mention", "edited"]) -> Stored:
    return Stored(kind=kind, root="", uri=status.uri, author=_author(status.account), status=status)


def _author(person: Person) -> str:
    return person.url or person.acct


def _posted(stored: Stored, delivery: Delivery, context: Context[Account]) -> Parsed:
    status = stored.status or Status()
    person = status.account
    if not status.uri or not person.acct:
        raise Rejected("json.invalid", "a post without uri or author")
    native, event = status.uri, None
    if stored.kind == "edited":
        native = f"{status.uri}@{status.edited_at}"
        event = event_for("mastodon", delivery, "edited", status.uri)
    text = "\n".join(t for t in (status.spoiler_text or "", plain(status.content or "")) if t)
    files = [f for f in status.media_attachments if f.url or f.remote_url]
    root = stored.root or str(status.in_reply_to_id or status.uri)
    limit = (context.settings.limit if context.settings else 500) - len(person.acct) - 2
    made = build_message(
        "mastodon",
        delivery,
        context,
        native_id=native,
        root=f"{root}|{_author(person)}",
        kind="chat" if status.visibility == "direct" else "post",
        text=text,
        event=event,
        sender=Party(
            name=person.display_name or person.acct,
            handles=(Handle(kind="handle", value=f"mastodon:{_address(person)}"),),
        ),
        sent_at=parse_time(status.edited_at if event else status.created_at),
        attachments=tuple(_attachment(f) for f in files),
        post=Post(
            url=status.url,
            author_reach=person.followers_count,
            parent=str(status.in_reply_to_id) if status.in_reply_to_id else None,
        ),
        thread=(str(status.id),),
        reply_to=f"{status.id}|{person.acct}|{status.visibility}",
        answering=Answering(limit=max(1, limit), public=status.visibility != "direct"),
        flags=("bot",) if person.bot else (),
    )
    media = tuple(Media(index=i, ref=f.url or f.remote_url or "") for i, f in enumerate(files))
    return Parsed(message=made, media=media)


def _address(person: Person) -> str:
    """Return name@server, of an account of the same server too."""
    if "@" in person.acct or not person.url:
        return person.acct.lower()
    return f"{person.acct}@{split_url(person.url).hostname or ''}".lower()


def _deleted(stored: Stored, delivery: Delivery, context: Context[Account]) -> Parsed:
    made = build_message(
        "mastodon",
        delivery,
        context,
        native_id=f"{stored.uri}:deleted",
        root=f"{stored.root}|{stored.author}",
        kind="post",
        text="",
        sender=Party(),
        event=event_for("mastodon", delivery, "deleted", stored.uri),
    )
    return Parsed(message=made)


def plain(html: str) -> str:
    """Return a post's text, its links in full instead of as they are shown."""

    def link(found: re.Match[str]) -> str:
        return found[0] if _MENTION.search(found[0].partition(">")[0]) else found[1]

    return to_text(_LINK.sub(link, html))


def _attachment(file: File) -> Attachment:
    kind = {"image": "image/jpeg", "gifv": "video/mp4", "video": "video/mp4", "audio": "audio/mpeg"}
    return Attachment(
        name=(file.description or "").strip()[:100] or file.type or "file",
        size=0,
        sha256="",
        type=kind.get(file.type, "application/octet-stream"),
    )


class Notifications:
    """One account: REST for what there is, the stream to be woken and for edits and deletions.

    What the stream told comes no second time: it is kept on disk while Kafka is away.
    """

    patient = False

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._settings, self._context = account, settings, context
        self._name = f"mastodon:{account}"
        self._posts = RecentPosts(self._name, context)
        self._woken = asyncio.Event()

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Follow for ever; raise Retry when the server can't be asked."""
        headers = {"authorization": f"Bearer {self._settings.token}"}
        async with httpx2.AsyncClient(timeout=20, headers=headers) as client:
            stream = asyncio.create_task(self._follow(client, accept))
            try:
                while True:
                    self._woken.clear()
                    await self._walk(client, accept, cursors)
                    self._context.report_pass(self._name)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._settings.poll.total_seconds()):
                            await self._woken.wait()
                    if stream.done():
                        stream.result()
            finally:
                stream.cancel()
                await asyncio.gather(stream, return_exceptions=True)

    async def _walk(self, client: httpx2.AsyncClient, accept: Accept, cursors: CursorStore) -> None:
        """Take every mention above the cursor, the oldest first."""
        held = await cursors.load(self._name)
        position = held.position if held else await self._newest(client, cursors)
        while True:
            query = urlencode(
                {
                    "types[]": "mention",
                    "limit": _PAGE,
                    "include_filtered": "true",
                    "min_id": position,
                }
            )
            raw = await self._get(client, f"/api/v1/notifications?{query}")
            try:
                found = [self._note(one) for one in decode_json(tuple[msgspec.Raw, ...], raw)]
            except Rejected as error:
                raise Retry(RECOVERY_S, f"Mastodon sent no notifications: {error.code}") from error
            found.sort(key=lambda n: _int(n.id))
            for one in found:
                if one.status is not None and one.type == "mention":
                    await self._mention(client, one.status, accept)
            newest = max((_int(n.id) for n in found), default=0)
            if newest <= position:
                return
            position = newest
            await cursors.save(
                Cursor(source=self._name, epoch="id", position=position, at=self._context.now())
            )

    def _note(self, raw: msgspec.Raw) -> Notification:
        """Return a notification; one that is odd is passed over, loudly."""
        try:
            return decode_json(Notification, raw)
        except Rejected as error:
            self._context.warn(
                "notification.odd", source=self._name, why=error.text[:ERROR_TEXT_LIMIT]
            )
            return Notification(id=_number(raw))

    async def _newest(self, client: httpx2.AsyncClient, cursors: CursorStore) -> int:
        """Begin with what comes from now on: years of old mentions are no new work."""
        raw = await self._get(client, "/api/v1/notifications?limit=1&types%5B%5D=mention")
        try:
            found = decode_json(tuple[msgspec.Raw, ...], raw)
        except Rejected as error:
            raise Retry(RECOVERY_S, f"Mastodon sent no notifications: {error.code}") from error
        position = max((_int(self._note(n).id) for n in found), default=0)
        await cursors.save(
            Cursor(source=self._name, epoch="id", position=position, at=self._context.now())
        )
        return position

    async def _mention(self, client: httpx2.AsyncClient, status: Status, accept: Accept) -> None:
        root = status.uri
        if status.in_reply_to_id:
            ancestors = await self._ancestors(client, status)
            # Without the beginning the post that is answered is the best there is.
            root = ancestors[0].uri if ancestors else str(status.in_reply_to_id)
        await self._hand(
            accept,
            Stored(
                kind="mention",
                root=root,
                uri=status.uri,
                author=_author(status.account),
                status=status,
            ),
        )
        self._posts.add(str(status.id), "\n".join((status.uri, root, _author(status.account))))

    async def _ancestors(self, client: httpx2.AsyncClient, status: Status) -> tuple[Status, ...]:
        """Return what stands before a post; none when the server can't tell: the post counts."""
        try:
            found = await client.get(f"{self._settings.url}/api/v1/statuses/{status.id}/context")
            return decode_json(Around, found.content).ancestors if found.status_code == 200 else ()
        except (httpx2.HTTPError, Rejected) as error:
            self._context.warn("context.unknown", source=self._name, why=type(error).__name__)
            return ()

    async def _hand(self, accept: Accept, stored: Stored) -> None:
        await accept(
            Delivery(
                raw=msgspec.json.encode(stored),
                account=self._account,
                received_at=self._context.now(),
            )
        )

    async def _follow(self, client: httpx2.AsyncClient, accept: Accept) -> None:
        """Read the stream for ever; a stream that can't be had costs only time."""
        while True:
            try:
                base = await self._streaming(client)
                url = f"{base}/api/v1/streaming?stream=user"
                headers = {"authorization": f"Bearer {self._settings.token}"}
                async with connect(url, additional_headers=headers, open_timeout=20) as socket:
                    self._woken.set()
                    async for frame in socket:
                        data = frame.encode() if isinstance(frame, str) else frame
                        await self._frame(data, accept)
            except (OSError, TimeoutError, WebSocketException, Rejected, Retry) as error:
                self._context.warn("stream.away", source=self._name, why=type(error).__name__)
            await self._context.pause(self._settings.poll.total_seconds())

    async def _streaming(self, client: httpx2.AsyncClient) -> str:
        raw = await self._get(client, "/api/v2/instance", gone=b"{}")
        told = decode_json(Instance, raw).configuration.urls.streaming
        return told or self._settings.url.replace("http", "ws", 1)

    async def _frame(self, data: bytes, accept: Accept) -> None:
        try:
            told = decode_json(Told, data)
        except Rejected:
            return  # no frame of the protocol: what matters comes by REST
        if told.event == "notification":
            self._woken.set()
            return
        number, stored = told.payload or "", None
        if told.event == "status.update":
            try:
                status = decode_json(Status, (told.payload or "").encode())
            except Rejected:
                return
            number = str(status.id)
        held = self._posts.root(number)
        if held is None or told.event not in ("delete", "status.update"):
            return
        uri, root, author = (*held.split("\n"), "", "")[:3]
        if told.event == "delete":
            stored = Stored(kind="deleted", root=root, uri=uri, author=author)
        else:
            stored = Stored(kind="edited", root=root, uri=uri, author=author, status=status)
        await self._hand(accept, stored)

    async def _get(self, client: httpx2.AsyncClient, path: str, gone: bytes | None = None) -> bytes:
        try:
            found = await client.get(f"{self._settings.url}{path}")
        except httpx2.HTTPError as error:
            raise Retry(OUTAGE_S, f"Mastodon can't be asked: {type(error).__name__}") from error
        if found.status_code == 200:
            return found.content
        if gone is not None and found.status_code in (403, 404, 410):
            return gone
        if found.status_code == 429:
            # The time when it is over, in ISO 8601.
            until = parse_time(found.headers.get("x-ratelimit-reset"))
            wait = (until - self._context.now()).total_seconds() if until else 60.0
            raise Retry(max(1.0, wait), "Mastodon's rate limit is used up")
        after = retry_after(found.headers.get("retry-after", ""), self._context.now(), RECOVERY_S)
        raise Retry(after, f"Mastodon answered {found.status_code} for {path.partition('?')[0]}")


class Urls(Record, frozen=True, kw_only=True):
    """Addresses of a server."""

    streaming: str = ""


class Configuration(Record, frozen=True, kw_only=True):
    """What a server says of itself."""

    urls: Urls = Urls()


class Instance(Record, frozen=True, kw_only=True):
    """Where a server's stream is."""

    configuration: Configuration = Configuration()


class Numbered(Record, frozen=True, kw_only=True):
    """As much of a notification as tells its place."""

    id: Text = ""


def _number(raw: msgspec.Raw) -> Text:
    try:
        return decode_json(Numbered, raw).id
    except Rejected:
        return ""


def _int(told: Text) -> int:
    try:
        return int(told or 0)
    except ValueError:
        return 0
