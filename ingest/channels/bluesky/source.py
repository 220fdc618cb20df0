"""Follows Jetstream, which sends every post of the network, and hands over the posts for us.

The bytes of an event show whether it is worth a parse. `time_us` is the cursor. A server that can
not go back to the cursor begins later without a word, so the first event's time is compared.
"""

import asyncio
import re
from datetime import timedelta
from urllib.parse import urlencode

import httpx2
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from ingest.channel import Delivery
from ingest.channels.bluesky import wire
from ingest.channels.bluesky.account import Account
from ingest.channels.bluesky.events import (
    POST_COLLECTION,
    post_commit,
    post_uri,
    read_event,
    reason_to_ignore,
)
from ingest.parsing.json_values import decode_json
from ingest.source import Accept, CursorStore, SourceContext
from ingest.sources.recent_posts import RecentPosts
from schemas.delays import RECONNECT_S
from schemas.errors import Rejected, Retry
from schemas.state.cursor import Cursor
from schemas.text.fold import fold

_PARENT = re.compile(rb'"parent":\{[^{}]{0,300}?"uri":"([^"]{1,300})"')
_SAVE_INTERVAL_S = 5.0
_MAX_SILENCE_S = 60.0  # the network is never silent for this time
_MAX_GAP = timedelta(minutes=5)  # between the cursor and the first event
_MAX_EVENT_BYTES = 8 * 1024 * 1024


class JetstreamSource:
    """The subscription of one account."""

    patient = True

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._settings, self._context = account, settings, context
        self._name = f"bluesky:{account}"
        self._posts = RecentPosts(self._name, context)
        changes = (b'"operation":"delete"', b'"operation":"update"')
        self._needles = tuple(needle for needle in (settings.did.encode(), *changes) if needle)

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Follow the stream; raise Retry when it ends."""
        cursor = await cursors.load(self._name)
        since = cursor.position if cursor else 0
        query = {"wantedCollections": POST_COLLECTION} | ({"cursor": str(since)} if since else {})
        url = f"{self._settings.jetstream}?{urlencode(query)}"
        async with httpx2.AsyncClient(timeout=10) as client:
            try:
                async with connect(url, max_size=_MAX_EVENT_BYTES, open_timeout=20) as socket:
                    await self._follow(socket, since, client, accept, cursors)
            except (OSError, TimeoutError, WebSocketException) as error:
                raise Retry(RECONNECT_S, f"Jetstream: {type(error).__name__}") from error

    async def _follow(
        self,
        socket: ClientConnection,
        since: int,
        client: httpx2.AsyncClient,
        accept: Accept,
        cursors: CursorStore,
    ) -> None:
        saved_at, is_first = self._context.now(), True
        while True:
            async with asyncio.timeout(_MAX_SILENCE_S):
                raw = await socket.recv(decode=False)
            time_us = await self._take(raw, accept, client)
            if is_first and since and time_us > since + _MAX_GAP / timedelta(microseconds=1):
                self._context.warn("source.gap", source=self._name, was=since, now=time_us)
            is_first = False
            now = self._context.now()
            if time_us > since and (now - saved_at).total_seconds() > _SAVE_INTERVAL_S:
                since, saved_at = time_us, now
                await cursors.save(
                    Cursor(source=self._name, epoch="time_us", position=time_us, at=now)
                )
                self._context.report_pass(self._name)

    async def _take(self, raw: bytes, accept: Accept, client: httpx2.AsyncClient) -> int:
        """Hand an event over when it is for us; return its time in microseconds, 0 if unknown."""
        try:
            time_us = int(decode_json(wire.EventTime, raw).time_us or 0)
        except Rejected:
            await self._hand_over_unreadable(raw, accept)
            return 0
        if self._settings.keywords or self._may_be_ours(raw):
            await self._select(raw, accept, client)
        return time_us

    async def _select(self, raw: bytes, accept: Accept, client: httpx2.AsyncClient) -> None:
        try:
            event = read_event(raw)
            commit = post_commit(event)
        except Rejected as error:
            if error.code != "delivery.ignored":
                await self._hand_over_unreadable(raw, accept)
            return
        uri = post_uri(event, commit)
        root = self._posts.root(uri)
        if commit.operation == "delete":
            if root is not None:
                await accept(self._delivery(raw, hint=root))
            return
        try:
            record = decode_json(wire.PostRecord, commit.record)
        except Rejected:
            await self._hand_over_unreadable(raw, accept, root)
            return
        if root is None and reason_to_ignore(event.did, record, self._settings):
            root = self._root_of_own_parent(event.did, record)
            if root is None:
                return
        profile = await self._profile(event.did, client)
        archived = wire.ArchivedJetstreamEvent(event=msgspec.Raw(raw), profile=profile)
        await accept(self._delivery(msgspec.json.encode(archived), hint=root))
        reply = record.reply or wire.ReplyRef()
        self._posts.add(uri, reply.root.uri or uri)

    async def _hand_over_unreadable(
        self, raw: bytes, accept: Accept, root: str | None = None
    ) -> None:
        """Hand over an unreadable event of a post for us, and leave out those of strangers.

        The parser rejects it with the fault, and its bytes become a dead letter.
        """
        if root is not None or self._names_us(raw):
            await accept(self._delivery(raw, hint=root))

    def _names_us(self, raw: bytes) -> bool:
        """Return by its bytes whether an unreadable event has our id, a keyword or our thread."""
        if self._settings.did and self._settings.did.encode() in raw:
            return True
        text = fold(raw.decode("utf-8", "replace"))
        keywords = (fold(keyword).strip() for keyword in self._settings.keywords)
        return any(f" {keyword} " in text for keyword in keywords) or self._answers_known_post(raw)

    def _root_of_own_parent(self, did: str, record: wire.PostRecord) -> str | None:
        """Return the root of a post that continues its author's own post to us, or None."""
        parent = (record.reply or wire.ReplyRef()).parent.uri
        return self._posts.root(parent) if parent.startswith(f"at://{did}/") else None

    def _may_be_ours(self, raw: bytes) -> bool:
        """Return by its bytes whether an event is worth a parse, which few are."""
        if any(needle in raw for needle in self._needles):
            return True
        return self._answers_known_post(raw)

    def _answers_known_post(self, raw: bytes) -> bool:
        parent = _PARENT.search(raw)
        return bool(parent and self._posts.root(parent[1].decode("utf-8", "replace")))

    def _delivery(self, raw: bytes, hint: str | None) -> Delivery:
        return Delivery(raw=raw, account=self._account, received_at=self._context.now(), hint=hint)

    async def _profile(self, did: str, client: httpx2.AsyncClient) -> wire.AuthorProfile | None:
        """Return the profile of an author; None while the server does not give it."""
        url = f"{self._settings.api}/xrpc/app.bsky.actor.getProfile"
        try:
            response = await client.get(url, params={"actor": did})
            if response.status_code != 200:
                return None
            return decode_json(wire.AuthorProfile, response.content)
        except (httpx2.HTTPError, Rejected) as error:
            # A post without its author's name still counts.
            self._context.warn("profile.unknown", source=self._name, why=type(error).__name__)
            return None
