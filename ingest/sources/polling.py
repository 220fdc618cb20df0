"""Polling: sources that have to be asked again and again, and tell everything anew each time.

Before: a channel lists what its vendor holds. After: accept, each item once, each later version of
it as an event. What is handed over again has the ids it had. A vendor's limits are kept by its own
headers.
"""

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

import httpx2
import msgspec

from ingest.channel import Delivery, event_for
from ingest.parsing.json_values import instant, read
from ingest.source import Accept, CursorStore, SourceContext
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S, OUTAGE_S
from schemas.errors import Rejected, Retry, retry_after
from schemas.message import Event

_REMEMBERED = 20_000
_WEEK = timedelta(days=7)
_PASSED_BY = "-"
"""Before the version of an item that was too old to be taken: once it changes, it is taken."""
_PAGES = 200
"""Pages of one listing: a vendor that always names a next page is not followed for ever."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """Something a vendor holds; `version` changes with its words, where they can change; `at` is
    when it was made."""

    id: str
    raw: bytes
    version: str = ""
    at: datetime | None = None


class Stored(Record, frozen=True, kw_only=True):
    """An item as the archive keeps it: as it was first seen, or a later version."""

    version: str = ""
    item: msgspec.Raw


def mark(*words: object) -> str:
    """Return a version of words: the same words, the same version."""
    told = "\n".join("" if w is None else str(w) for w in words)
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:16]


def item_of(raw: bytes | msgspec.Raw, make: Callable[[], Item]) -> Item:
    """Return an item; one that can't be read passes unchanged and becomes a dead letter.

    A bug in the handling of one item must not end the listing of the others.
    """
    try:
        return make()
    except Exception:  # noqa: BLE001 - the item's parser meets it again, and there it is logged
        return Item(id=hashlib.sha256(bytes(raw)).hexdigest(), raw=bytes(raw))


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
            raise Retry(
                OUTAGE_S, f"{self._vendor} can't be asked: {type(error).__name__}"
            ) from error
        if found.status_code in (200, *also):
            return Answer(body=found.content, headers=found.headers, status=found.status_code)
        if found.status_code in (401, 403):
            raise Retry(
                ACCOUNT_PROBLEM_S, f"{self._vendor} refuses the account's key ({found.status_code})"
            )
        wait = retry_after(found.headers.get("retry-after", ""), self.now(), BUSY_S)
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
    """An access token by any grant, kept for as long as it holds."""

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


class PolledSettings(Protocol):
    """The settings of an account that is asked again and again."""

    @property
    def poll(self) -> timedelta:
        """The time between two passes."""
        ...


Settings = TypeVar("Settings", bound=PolledSettings)
Items = Callable[[Settings, Ask], AsyncIterator[Item]]


class Poll(Generic[Settings]):
    """One account that is asked every `settings.poll`.

    What was taken, and with which words, is remembered over a restart. The first time a source is
    ever asked, what is older than a week is passed by until it changes: years of reviews are no new
    work (`santral import` brings history in).
    """

    patient = True

    def __init__(
        self,
        name: str,
        account: str,
        settings: Settings,
        context: SourceContext,
        items: Items[Settings],
    ) -> None:
        self._source, self._account = f"{name}:{account}", account
        self._settings, self._context, self._items = settings, context, items
        self._kept = f"polled-{name}-{account}"
        told = context.load_state(self._kept)
        self._first = told is None
        try:
            held = msgspec.json.decode(told or "{}", type=dict[str, str])
        except msgspec.DecodeError:
            held = {}
        self._seen: OrderedDict[str, str] = OrderedDict(held)
        self._changed = self._first

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Ask for ever; raise Retry when the vendor can't be asked."""
        poll: timedelta = self._settings.poll
        async with httpx2.AsyncClient(timeout=30, follow_redirects=False) as client:
            ask = Ask(client, self._source.partition(":")[0], self._context.now)
            while True:
                try:
                    async for item in self._items(self._settings, ask):
                        await self._take(item, accept)
                    self._first = False
                except Rejected as error:
                    # Its items are looked at one by one later: here the listing itself is odd.
                    raise Retry(BUSY_S, f"{self._source}: can't be read: {error.text}") from error
                finally:
                    self._keep()
                self._context.report_pass(self._source)
                await self._context.pause(poll.total_seconds())

    def _keep(self) -> None:
        # A first pass that broke off begins anew: kept, its rest would be taken for new work.
        if self._changed and not self._first:
            self._context.save_state(self._kept, msgspec.json.encode(self._seen).decode())
            self._changed = False

    async def _take(self, item: Item, accept: Accept) -> None:
        """Hand an item over as it is the first time, and as an event when its words changed."""
        before = self._seen.get(item.id)
        if before in (item.version, _PASSED_BY + item.version):
            return
        old = item.at is not None and self._context.now() - item.at > _WEEK
        if self._first and before is None and old:
            self._seen[item.id] = _PASSED_BY + item.version
        else:
            taken = before is not None and not before.startswith(_PASSED_BY)
            version = item.version if taken else ""
            raw = msgspec.json.encode(Stored(version=version, item=msgspec.Raw(item.raw)))
            now = self._context.now()
            await accept(Delivery(raw=raw, account=self._account, received_at=now))
            self._seen[item.id] = item.version
        self._changed = True
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
    return f"{own}@{version}", event_for(channel, delivery, "edited", own)


def stars(told: Any, most: int = 5) -> float | None:
    """Return a rating of 1 to `most` stars from 0 (worst) to 1 (best); None when it is none."""
    try:
        made = (float(told) - 1) / (most - 1)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(1.0, max(0.0, made))
