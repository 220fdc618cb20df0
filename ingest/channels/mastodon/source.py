"""Reads an account's notifications by REST; the stream wakes it, and brings edits and deletions.

Notifications are read forward from the cursor, so that none is lost while the stream is away.
Source: docs.joinmastodon.org, methods/notifications, methods/streaming.
"""

import asyncio
import re
from contextlib import suppress
from operator import itemgetter
from urllib.parse import urlencode

import httpx2
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from ingest.channel import Delivery
from ingest.channels.mastodon import wire
from ingest.channels.mastodon.account import Account
from ingest.channels.mastodon.events import author_of, read_notification
from ingest.parsing.json_values import decode_json, parse_time
from ingest.source import Accept, CursorStore, SourceContext
from ingest.sources.recent_posts import RecentPosts
from schemas.delays import OUTAGE_S, RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Rejected, Retry, retry_after
from schemas.state.cursor import Cursor

_PAGE_SIZE = 80  # notifications; a server sends no more at one time
_RATE_LIMIT_S = 60.0  # where the server names no time
_NUMBER = re.compile(r"[0-9]{1,18}")  # ids of notifications and a cursor's position have 64 bits


class NotificationsSource:
    """The notifications of one account.

    The stream sends an event only once, so the spool keeps it while Kafka is away.
    """

    patient = False

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._settings, self._context = account, settings, context
        self._name = f"mastodon:{account}"
        self._posts = RecentPosts(self._name, context)
        self._wake = asyncio.Event()
        # The cursor never passes notifications without a number, which come with every page.
        self._unnumbered: set[bytes] = set()

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Follow for ever; raise Retry when the server does not answer."""
        headers = {"authorization": f"Bearer {self._settings.token}"}
        async with httpx2.AsyncClient(timeout=20, headers=headers) as client:
            stream = asyncio.create_task(self._follow(client, accept))
            try:
                while True:
                    self._wake.clear()
                    await self._read_new(client, accept, cursors)
                    self._context.report_pass(self._name)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._settings.poll.total_seconds()):
                            await self._wake.wait()
                    if stream.done():
                        stream.result()
            finally:
                stream.cancel()
                await asyncio.gather(stream, return_exceptions=True)

    async def _read_new(
        self, client: httpx2.AsyncClient, accept: Accept, cursors: CursorStore
    ) -> None:
        """Hand over every mention after the cursor, the oldest first."""
        cursor = await cursors.load(self._name)
        position = cursor.position if cursor else await self._start(client, cursors)
        while True:
            notifications = await self._notifications(
                client, {"limit": _PAGE_SIZE, "include_filtered": "true", "min_id": position}
            )
            for number, raw in sorted(notifications, key=itemgetter(0)):
                if number or raw not in self._unnumbered:
                    await self._hand_over(client, raw, accept)
            self._unnumbered = {raw for number, raw in notifications if not number}
            newest = max((number for number, _ in notifications), default=0)
            if newest <= position:
                return
            position = newest
            await self._save(position, cursors)

    async def _start(self, client: httpx2.AsyncClient, cursors: CursorStore) -> int:
        """Return the newest notification's number, so that years of old mentions are left out."""
        notifications = await self._notifications(client, {"limit": 1})
        position = max((number for number, _ in notifications), default=0)
        await self._save(position, cursors)
        return position

    async def _save(self, position: int, cursors: CursorStore) -> None:
        now = self._context.now()
        await cursors.save(Cursor(source=self._name, epoch="id", position=position, at=now))

    async def _notifications(
        self, client: httpx2.AsyncClient, query: dict[str, str | int]
    ) -> list[tuple[int, bytes]]:
        """Return a page of notifications, each with its number, 0 for an unreadable one."""
        path = f"/api/v1/notifications?{urlencode({'types[]': 'mention'} | query)}"
        raw = await self._get(client, path)
        try:
            items = decode_json(tuple[msgspec.Raw, ...], raw)
        except Rejected as error:
            raise Retry(RECOVERY_S, f"Mastodon sent no notifications: {error.code}") from error
        return [(_number_of(item), bytes(item)) for item in items]

    async def _hand_over(self, client: httpx2.AsyncClient, raw: bytes, accept: Accept) -> None:
        """Hand over a mention, or a notification that nobody can read."""
        try:
            notification = read_notification(raw)
        except Rejected as error:
            # The parser rejects it with the fault, and its bytes become a dead letter.
            reason = error.text[:ERROR_TEXT_LIMIT]
            self._context.warn("notification.odd", source=self._name, why=reason)
            await accept(self._delivery(raw))
            return
        if notification.status is not None and notification.type == "mention":
            await self._hand_over_mention(client, notification.status, accept)

    async def _hand_over_mention(
        self, client: httpx2.AsyncClient, status: wire.Status, accept: Accept
    ) -> None:
        root = status.uri
        if status.in_reply_to_id:
            ancestors = await self._ancestors(client, status)
            # The first post is the root; the answered one takes its place while it is unknown.
            root = ancestors[0].uri if ancestors else str(status.in_reply_to_id)
        author = author_of(status.account)
        event = wire.ArchivedEvent(
            kind="mention", root=root, uri=status.uri, author=author, status=status
        )
        await accept(self._delivery(msgspec.json.encode(event)))
        self._posts.add(str(status.id), f"{status.uri}\n{root}\n{author}")

    async def _ancestors(
        self, client: httpx2.AsyncClient, status: wire.Status
    ) -> tuple[wire.Status, ...]:
        """Return the posts above a post, empty while the server does not give them."""
        url = f"{self._settings.url}/api/v1/statuses/{status.id}/context"
        try:
            response = await client.get(url)
            if response.status_code != 200:
                return ()
            return decode_json(wire.StatusContext, response.content).ancestors
        except (httpx2.HTTPError, Rejected) as error:
            # A mention without its thread still counts.
            self._context.warn("context.unknown", source=self._name, why=type(error).__name__)
            return ()

    def _delivery(self, raw: bytes) -> Delivery:
        return Delivery(raw=raw, account=self._account, received_at=self._context.now())

    async def _follow(self, client: httpx2.AsyncClient, accept: Accept) -> None:
        """Read the stream for ever; without the stream, mentions come with the next poll."""
        while True:
            try:
                address = await self._stream_address(client)
                url = f"{address}/api/v1/streaming?stream=user"
                headers = {"authorization": f"Bearer {self._settings.token}"}
                async with connect(url, additional_headers=headers, open_timeout=20) as socket:
                    self._wake.set()
                    async for frame in socket:
                        data = frame.encode() if isinstance(frame, str) else frame
                        await self._take(data, accept)
            except (OSError, TimeoutError, WebSocketException, Rejected, Retry) as error:
                self._context.warn("stream.away", source=self._name, why=type(error).__name__)
            await self._context.pause(self._settings.poll.total_seconds())

    async def _stream_address(self, client: httpx2.AsyncClient) -> str:
        raw = await self._get(client, "/api/v2/instance", missing=b"{}")
        address = decode_json(wire.Instance, raw).configuration.urls.streaming
        return address or self._settings.url.replace("http", "ws", 1)

    async def _take(self, data: bytes, accept: Accept) -> None:
        """Wake the reader for a notification; hand over the edit or deletion of a recent post."""
        try:
            frame = decode_json(wire.StreamEvent, data)
        except Rejected:
            return  # the mentions come by REST
        if frame.event == "notification":
            self._wake.set()
        elif frame.event in ("delete", "status.update"):
            await self._hand_over_change(frame, data, accept)

    async def _hand_over_change(self, frame: wire.StreamEvent, data: bytes, accept: Accept) -> None:
        """Hand over the edit or deletion of a recent post, as its frame when it is unreadable."""
        is_edit = frame.event == "status.update"
        payload = (frame.payload or "").encode("utf-8", "replace")
        post = self._posts.root(_id_of(payload) if is_edit else payload.decode())
        if post is None:
            return
        try:
            status = decode_json(wire.Status, payload) if is_edit else None
        except Rejected:
            # The parser rejects it with the fault, and its bytes become a dead letter.
            await accept(self._delivery(data))
            return
        uri, root, author = (*post.split("\n"), "", "")[:3]
        event = wire.ArchivedEvent(
            kind="edited" if is_edit else "deleted",
            root=root,
            uri=uri,
            author=author,
            status=status,
        )
        await accept(self._delivery(msgspec.json.encode(event)))

    async def _get(
        self, client: httpx2.AsyncClient, path: str, missing: bytes | None = None
    ) -> bytes:
        """Return the content of a path, or `missing` for a path that the server does not have."""
        try:
            response = await client.get(f"{self._settings.url}{path}")
        except httpx2.HTTPError as error:
            text = f"Mastodon does not answer: {type(error).__name__}"
            raise Retry(OUTAGE_S, text) from error
        if response.status_code == 200:
            return response.content
        if missing is not None and response.status_code in (403, 404, 410):
            return missing
        now = self._context.now()
        if response.status_code == 429:
            # The header has the time at which the limit ends, in ISO 8601.
            reset = parse_time(response.headers.get("x-ratelimit-reset"))
            wait = (reset - now).total_seconds() if reset else _RATE_LIMIT_S
            raise Retry(max(1.0, wait), "Mastodon's rate limit is used up")
        after = retry_after(response.headers.get("retry-after", ""), now, RECOVERY_S)
        text = f"Mastodon answered {response.status_code} for {path.partition('?')[0]}"
        raise Retry(after, text)


def _number_of(raw: bytes | msgspec.Raw) -> int:
    """Return the number of a notification, 0 for one without a readable number."""
    number = _id_of(raw)
    return int(number) if _NUMBER.fullmatch(number) else 0


def _id_of(raw: bytes | msgspec.Raw) -> str:
    """Return the id in an object whose other fields may be unreadable, empty without an id."""
    try:
        return str(decode_json(wire.ObjectId, raw).id or "")
    except Rejected:
        return ""
