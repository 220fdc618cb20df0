"""Polling: sources that have to be asked again and again, and tell everything anew each time.

Before: a channel lists what its vendor holds. After: accept, each item once, each later version of
it as an event. Nothing needs to be remembered over a restart: what is handed over again has the
ids it had. A vendor's limits are kept by its own headers.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import msgspec

from ingest.channel import Accept, Delivery, Ledgered, Tools, touched
from ingest.clean.told import instant, read
from schemas.base import Record
from schemas.errors import Rejected, Retry, retry_after
from schemas.message import Event

_REMEMBERED = 100_000
_PAGES = 200
"""Pages of one listing: a vendor that always names a next page is not followed for ever."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something a vendor holds; `version` changes with it, empty while it is as it was made."""

    id: str
    raw: bytes
    version: str = ""


class Stored(Record, frozen=True, kw_only=True):
    """An item as the archive keeps it: as it was first seen, or a later version."""

    version: str = ""
    item: msgspec.Raw


def stored(raw: bytes) -> Stored:
    """Return the item in a delivery, or in a captured body that is the item itself."""
    if raw.lstrip()[:1] == b"{":
        keys = read(dict[str, msgspec.Raw], raw).keys()
        if "item" in keys and keys <= {"version", "item"}:
            return read(Stored, raw)
    return Stored(item=msgspec.Raw(raw))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a vendor answered."""

    body: bytes
    headers: httpx2.Headers
    status: int


class Ask:
    """Asks a vendor; what it answers otherwise than expected is Retry with its own hint."""

    def __init__(
        self, client: httpx2.AsyncClient, vendor: str, now: Callable[[], datetime]
    ) -> None:
        self._client, self._vendor, self.now = client, vendor, now

    async def get(self, url: str, **more: Any) -> bytes:
        """Return the body of a GET."""
        return (await self.ask("GET", url, **more)).body

    async def post(self, url: str, **more: Any) -> Answer:
        """Return the answer to a POST."""
        return await self.ask("POST", url, **more)

    async def ask(
        self, method: str, url: str, *, also: tuple[int, ...] = (), **more: Any
    ) -> Answer:
        """Return an answer of 200, or of a status in `also`; raise Retry for any other."""
        try:
            found = await self._client.request(method, url, **more)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Retry(15, f"{self._vendor} can't be asked: {type(error).__name__}") from error
        if found.status_code in (200, *also):
            return Answer(body=found.content, headers=found.headers, status=found.status_code)
        if found.status_code in (401, 403):
            raise Retry(300, f"{self._vendor} refuses the account's key ({found.status_code})")
        wait = retry_after(found.headers.get("retry-after", ""), self.now(), 60)
        for name in ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset"):
            told = found.headers.get(name, "")
            at = instant(told) if told else None
            if at is not None:
                # A time of the clock, or seconds that are left.
                left = (at - self.now()).total_seconds() if at.year > 2000 else at.timestamp()
                wait = max(wait, min(left, 3600.0))
        raise Retry(wait, f"{self._vendor} answered {found.status_code}")


class Granted(Record, frozen=True, kw_only=True):
    """An access token (RFC 6749, 5.1)."""

    access_token: str
    expires_in: float = 3600


class Bearer:
    """An access token by a refresh token, kept for as long as it holds."""

    def __init__(self) -> None:
        self._token, self._until = "", datetime.min.replace(tzinfo=UTC)

    async def headers(
        self, ask: Ask, url: str, form: dict[str, str], **more: Any
    ) -> dict[str, str]:
        """Return the header that a request needs."""
        if ask.now() >= self._until:
            made = read(Granted, (await ask.post(url, data=form, **more)).body)
            self._token = made.access_token
            self._until = ask.now() + timedelta(seconds=max(60.0, made.expires_in - 120))
        return {"authorization": f"Bearer {self._token}"}


Items = Callable[[Any, Ask], AsyncIterator[Item]]


class Poll:
    """One account that is asked every `settings.poll`."""

    def __init__(self, name: str, account: str, settings: Any, tools: Tools, items: Items) -> None:
        self._source, self._account = f"{name}:{account}", account
        self._settings, self._tools, self._items = settings, tools, items
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def run(self, accept: Accept, cursors: Ledgered) -> None:
        """Ask for ever; raise Retry when the vendor can't be asked."""
        poll: timedelta = self._settings.poll
        async with httpx2.AsyncClient(timeout=30, follow_redirects=False) as client:
            ask = Ask(client, self._source.partition(":")[0], self._tools.now)
            while True:
                try:
                    async for item in self._items(self._settings, ask):
                        await self._take(item, accept)
                except Rejected as error:
                    # Its items are looked at one by one later: here the listing itself is odd.
                    raise Retry(60, f"{self._source}: can't be read: {error.text}") from error
                self._tools.polled(self._source)
                await self._tools.pause(poll.total_seconds())

    async def _take(self, item: Item, accept: Accept) -> None:
        """Hand an item over as it is, and once more as an event when it is a later version."""
        for version in dict.fromkeys(("", item.version)):
            key = f"{item.id}@{version}"
            if key in self._seen:
                continue
            raw = msgspec.json.encode(Stored(version=version, item=msgspec.Raw(item.raw)))
            await accept(Delivery(
                raw=raw, account=self._account, received_at=self._tools.now(), position=None,
            ))  # fmt: skip
            self._seen[key] = None
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)


def pages() -> range:
    """Return the numbers of as many pages as are followed."""
    return range(_PAGES)


def since(ask: Ask, window: timedelta) -> datetime:
    """Return the time from which on a listing is read again."""
    return ask.now().astimezone(UTC) - window


def versioned(channel: str, delivery: Delivery, own: str, version: str) -> tuple[str, Event | None]:
    """Return the native id of an item's version, and what a later one touches."""
    if not version:
        return own, None
    return f"{own}@{version}", touched(channel, delivery, "edited", own)


def stars(told: Any, most: int = 5) -> float | None:
    """Return a rating of 1 to `most` stars from 0 (worst) to 1 (best); None when it is none."""
    try:
        made = (float(told) - 1) / (most - 1)
    except (TypeError, ValueError):
        return None
    return min(1.0, max(0.0, made))
