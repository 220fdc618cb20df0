"""Reads the filtered stream, after the account's mentions that were posted since the cursor."""

import hashlib
import re
from collections import OrderedDict
from urllib.parse import urlencode

import httpx2
import msgspec

from ingest.channel import Delivery
from ingest.channels.x import wire
from ingest.channels.x.account import Account
from ingest.channels.x.posts import select_post
from ingest.parsing.json_values import decode_json, parse_time
from ingest.source import Accept, CursorStore, SourceContext
from schemas.delays import RECONNECT_S, RECOVERY_S
from schemas.errors import Rejected, Retry, retry_after
from schemas.state.cursor import Cursor

_QUERY = {
    "tweet.fields": "author_id,conversation_id,created_at,referenced_tweets,note_tweet,"
    "edit_history_tweet_ids,entities,in_reply_to_user_id,lang",
    "expansions": "author_id,attachments.media_keys",
    "user.fields": "name,username,public_metrics",
    "media.fields": "url,type",
}
_MAX_SILENCE_S = 45.0  # X sends a blank line every 20 s
_MAX_PAGES = 10  # X lists the newest 800 mentions only, 100 a page
_MAX_REMEMBERED_POSTS = 10_000  # a post comes by the stream and by the mentions
_MIN_RATE_LIMIT_S = 60.0
_POST_NUMBER = re.compile(r"[1-9][0-9]{0,18}")  # X's ids have 64 bits, as a cursor's position does


class FilteredStream:
    """The filtered stream of one app.

    X sends a post only once, so the spool keeps it while Kafka is away.
    """

    patient = False

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._settings, self._context = account, settings, context
        self._name = f"x:{account}"
        self._accepted: OrderedDict[str, None] = OrderedDict()

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Follow the stream; raise Retry when it ends or X does not answer."""
        headers = {"authorization": f"Bearer {self._settings.bearer}"}
        url = f"{self._settings.api}/2/tweets/search/stream?{urlencode(_QUERY)}"
        cursor = await cursors.load(self._name)
        position = cursor.position if cursor else 0
        timeout = httpx2.Timeout(_MAX_SILENCE_S, connect=15.0)
        async with httpx2.AsyncClient(timeout=timeout, headers=headers) as client:
            try:
                async with client.stream("GET", url) as response:
                    if response.status_code != 200:
                        raise self._error_for(response)
                    if position:
                        position = await self._catch_up(client, position, accept, cursors)
                    async for line in response.aiter_lines():
                        self._context.report_pass(self._name)
                        if line.strip():
                            position = await self._take(line.encode(), position, accept, cursors)
            except (httpx2.HTTPError, httpx2.StreamError, TimeoutError) as error:
                raise Retry(RECONNECT_S, f"X's stream: {type(error).__name__}") from error
        raise Retry(RECONNECT_S, "X ended the stream")

    async def _take(self, line: bytes, position: int, accept: Accept, cursors: CursorStore) -> int:
        """Hand over the post of a line; return the position after it."""
        for raw in self._deliveries(line):
            number = _post_number(raw)
            key = hashlib.sha256(raw).hexdigest() if number is None else str(number)
            if key in self._accepted:
                continue
            await accept(Delivery(raw=raw, account=self._account, received_at=self._context.now()))
            self._remember(key)
            if number is not None and number > position:
                position = number
                await cursors.save(
                    Cursor(source=self._name, epoch="id", position=position, at=self._context.now())
                )
        return position

    def _deliveries(self, line: bytes) -> tuple[bytes, ...]:
        """Return the post of a line, or the line itself when nobody can read it.

        The parser rejects such a line with its fault, and its bytes become a dead letter.
        """
        try:
            return select_post(line).deliveries
        except Rejected as error:
            self._context.warn("stream.odd_line", source=self._name, why=error.code)
            return (line,)

    def _remember(self, key: str) -> None:
        self._accepted[key] = None
        while len(self._accepted) > _MAX_REMEMBERED_POSTS:
            self._accepted.popitem(last=False)

    async def _catch_up(
        self, client: httpx2.AsyncClient, since: int, accept: Accept, cursors: CursorStore
    ) -> int:
        """Hand over the mentions since a position, the oldest first; return the new position."""
        for line in reversed(await self._mentions(client, since)):
            since = await self._take(line, since, accept, cursors)
        return since

    async def _mentions(self, client: httpx2.AsyncClient, since: int) -> list[bytes]:
        """Return the mentions since a position as lines of the stream, the newest first."""
        if not self._settings.user_id:
            return []
        token = ""
        lines: list[bytes] = []
        for _ in range(_MAX_PAGES):
            query = _QUERY | {"since_id": str(since), "max_results": "100"}
            query |= {"pagination_token": token} if token else {}
            path = f"/2/users/{self._settings.user_id}/mentions?{urlencode(query)}"
            response = await client.get(f"{self._settings.api}{path}")
            if response.status_code != 200:
                raise self._error_for(response)
            page = _decode_page(response.content)
            posts = (wire.StreamLine(data=post, includes=page.includes) for post in page.data)
            lines += map(msgspec.json.encode, posts)
            token = str((page.meta or {}).get("next_token") or "")
            if not token:
                break
        return lines

    def _error_for(self, response: httpx2.Response) -> Retry:
        now = self._context.now()
        if response.status_code == 429:
            reset = parse_time(response.headers.get("x-rate-limit-reset"))
            wait = (reset - now).total_seconds() if reset else _MIN_RATE_LIMIT_S
            return Retry(max(_MIN_RATE_LIMIT_S, wait), "X's rate limit is used up")
        after = retry_after(response.headers.get("retry-after", ""), now, RECOVERY_S)
        return Retry(after, f"X answered {response.status_code}")


def _decode_page(content: bytes) -> wire.MentionsPage:
    try:
        return decode_json(wire.MentionsPage, content)
    except Rejected as error:
        raise Retry(RECOVERY_S, f"X sent no page of mentions: {error.code}") from error


def _post_number(raw: bytes) -> int | None:
    """Return the id of an archived post, None for an unreadable post or id."""
    try:
        post = decode_json(wire.Tweet, decode_json(wire.ArchivedPost, raw).post)
    except Rejected:
        return None
    number = str(post.id)
    return int(number) if _POST_NUMBER.fullmatch(number) else None
