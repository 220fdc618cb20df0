"""Sources whose vendor lists all its items each time, such as reviews or questions.

A channel lists what its vendor holds. The source hands each item over once, and each later version
of an item as an event. An item that it hands over again has the same ids. It keeps a vendor's
limits, as the vendor's headers state them.
"""

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypedDict, TypeVar, Unpack

import httpx2
import msgspec

from ingest.channel import Delivery, event_for
from ingest.parsing.json_values import decode_json, parse_time
from ingest.source import Accept, CursorStore, SourceContext
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, BUSY_S, OUTAGE_S
from schemas.errors import Rejected, Retry, retry_after
from schemas.message import Event

MAX_PAGES = 200
"""Pages of one listing: a source never follows a vendor that always names a next page."""

_MAX_REMEMBERED = 20_000  # items of one source, which bounds the size of its state
_NEW_AGE = timedelta(days=7)
_SKIPPED = "-"
"""The prefix of an item's version that was too old for the first pass."""

_VERSION_DIGITS = 16  # two versions of an item never share these digits of a hash
_TIMEOUT_S = 30.0
_MAX_LIMIT_S = 3600.0  # the longest wait for a vendor's rate limit
_TOKEN_MARGIN_S = 120.0  # we renew an access token this long before it expires
_MIN_TOKEN_S = 60.0


@dataclass(frozen=True, kw_only=True)
class PolledItem:
    """An item that a vendor holds; `version` changes with its text, where the text can change."""

    id: str
    raw: bytes
    version: str = ""
    created_at: datetime | None = None


class ArchivedItem(Record, frozen=True, kw_only=True):
    """An item as the archive keeps it; the first version of an item has no `version`."""

    version: str = ""
    item: msgspec.Raw


def content_hash(*fields: object) -> str:
    """Return the version of an item with these fields: equal fields, equal version."""
    text = "\n".join("" if field is None else str(field) for field in fields)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_VERSION_DIGITS]


def build_item(raw: bytes | msgspec.Raw, build: Callable[[], PolledItem]) -> PolledItem:
    """Return the item that `build` reads from its bytes.

    An item on which `build` fails, or which has no id, passes unchanged: it becomes a dead letter,
    never ends the listing of the others, and never counts as another item without an id.
    """
    try:
        item = build()
    except Exception:  # noqa: BLE001 - the item's parser meets it again, and there it is logged
        return unreadable_item(raw)
    return item if item.id else unreadable_item(raw)


def unreadable_item(raw: bytes | msgspec.Raw) -> PolledItem:
    """Return the item of unreadable bytes, which the parser rejects with their fault."""
    return PolledItem(id=hashlib.sha256(bytes(raw)).hexdigest(), raw=bytes(raw))


def archived_item(raw: bytes) -> ArchivedItem:
    """Return the item in a delivery, or in a captured body that is the item itself."""
    if raw.lstrip()[:1] == b"{":
        keys = decode_json(dict[str, msgspec.Raw], raw).keys()
        if "item" in keys and keys <= {"version", "item"}:
            return decode_json(ArchivedItem, raw)
    return ArchivedItem(item=msgspec.Raw(raw))


@dataclass(frozen=True, kw_only=True)
class VendorResponse:
    """A vendor's answer to a request."""

    body: bytes
    headers: httpx2.Headers
    status: int


class RequestOptions(TypedDict, total=False):
    """Options of a request, as the HTTP client names them."""

    params: Mapping[str, str | int]
    headers: Mapping[str, str]
    data: Mapping[str, str]
    json: object
    auth: tuple[str, str]


class VendorClient:
    """Sends requests to a vendor; an answer of an unexpected status raises Retry with its delay."""

    def __init__(
        self, client: httpx2.AsyncClient, vendor: str, now: Callable[[], datetime]
    ) -> None:
        self._client, self._vendor, self.now = client, vendor, now

    async def get(self, url: str, **options: Unpack[RequestOptions]) -> bytes:
        """Return the body of a GET."""
        return (await self.request("GET", url, **options)).body

    async def post(self, url: str, **options: Unpack[RequestOptions]) -> VendorResponse:
        """Return the answer to a POST."""
        return await self.request("POST", url, **options)

    async def request(
        self,
        method: str,
        url: str,
        *,
        also: tuple[int, ...] = (),
        **options: Unpack[RequestOptions],
    ) -> VendorResponse:
        """Return an answer of status 200, or of one in `also`; raise Retry for any other."""
        try:
            answer = await self._client.request(method, url, **options)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            text = f"{self._vendor} can't be asked: {type(error).__name__}"
            raise Retry(OUTAGE_S, text) from error
        if answer.status_code in (200, *also):
            return VendorResponse(
                body=answer.content, headers=answer.headers, status=answer.status_code
            )
        if answer.status_code in (401, 403):
            text = f"{self._vendor} refuses the account's key ({answer.status_code})"
            raise Retry(ACCOUNT_PROBLEM_S, text)
        raise Retry(self._delay_s(answer), f"{self._vendor} answered {answer.status_code}")

    def _delay_s(self, answer: httpx2.Response) -> float:
        """Return the seconds to wait by the answer's headers, or a short default."""
        delay_s = retry_after(answer.headers.get("retry-after", ""), self.now(), BUSY_S)
        for name in ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset"):
            value = answer.headers.get(name, "")
            reset = parse_time(value) if value else None
            if reset is not None:
                # Vendors give a time of the clock, or the seconds until then.
                is_clock = reset.year > 2000
                left_s = (reset - self.now()).total_seconds() if is_clock else reset.timestamp()
                delay_s = max(delay_s, min(left_s, _MAX_LIMIT_S))
        return delay_s


class AccessToken(Record, frozen=True, kw_only=True):
    """A token server's answer (RFC 6749, section 5.1)."""

    access_token: str
    expires_in: float = 3600


class BearerToken:
    """An access token of any grant, replaced shortly before it expires."""

    def __init__(self) -> None:
        self._token, self._expires_at = "", datetime.min.replace(tzinfo=UTC)

    async def headers(
        self,
        client: VendorClient,
        url: str,
        form: dict[str, str],
        **options: Unpack[RequestOptions],
    ) -> dict[str, str]:
        """Return the header of an authorised request."""
        if client.now() >= self._expires_at:
            options["data"] = form
            answer = await client.post(url, **options)
            granted = decode_json(AccessToken, answer.body)
            self._token = granted.access_token
            lifetime_s = max(_MIN_TOKEN_S, granted.expires_in - _TOKEN_MARGIN_S)
            self._expires_at = client.now() + timedelta(seconds=lifetime_s)
        return {"authorization": f"Bearer {self._token}"}


class PolledSettings(Protocol):
    """The settings of an account whose vendor lists its items."""

    @property
    def poll(self) -> timedelta:
        """The time between two passes."""
        ...


Settings = TypeVar("Settings", bound=PolledSettings)
ListItems = Callable[[Settings, VendorClient], AsyncIterator[PolledItem]]


class PolledSource(Generic[Settings]):
    """One account, read every `settings.poll`.

    It remembers the ids and versions of its items over a restart. Its first pass skips items that
    are older than a week, until they change: only new items are work, and `santral import` takes
    history.
    """

    patient = True

    def __init__(
        self,
        name: str,
        account: str,
        settings: Settings,
        context: SourceContext,
        list_items: ListItems[Settings],
    ) -> None:
        self._source, self._account = f"{name}:{account}", account
        self._settings, self._context, self._list_items = settings, context, list_items
        self._state = f"polled-{name}-{account}"
        state = context.load_state(self._state)
        self._is_first_pass = state is None
        try:
            versions = msgspec.json.decode(state or "{}", type=dict[str, str])
        except msgspec.DecodeError:
            versions = {}
        self._versions: OrderedDict[str, str] = OrderedDict(versions)
        self._is_changed = self._is_first_pass

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Read for ever; raise Retry when the vendor can't be read."""
        async with httpx2.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as http:
            client = VendorClient(http, self._source.partition(":")[0], self._context.now)
            while True:
                try:
                    async for item in self._list_items(self._settings, client):
                        await self._take(item, accept)
                    self._is_first_pass = False
                except Rejected as error:
                    # A parser judges each item later: here the listing itself is malformed.
                    raise Retry(BUSY_S, f"{self._source}: can't be read: {error.text}") from error
                finally:
                    self._save()
                self._context.report_pass(self._source)
                await self._context.pause(self._settings.poll.total_seconds())

    def _save(self) -> None:
        """Save the versions, unless the first pass is incomplete.

        After a restart an incomplete first pass begins again: otherwise the rest of its old items
        would count as new work.
        """
        if self._is_changed and not self._is_first_pass:
            state = msgspec.json.encode(self._versions).decode()
            self._context.save_state(self._state, state)
            self._is_changed = False

    async def _take(self, item: PolledItem, accept: Accept) -> None:
        """Hand over a new item, or a new version of an item that was handed over before."""
        previous = self._versions.get(item.id)
        if previous in (item.version, _SKIPPED + item.version):
            return
        now = self._context.now()
        is_old = item.created_at is not None and now - item.created_at > _NEW_AGE
        if self._is_first_pass and previous is None and is_old:
            self._versions[item.id] = _SKIPPED + item.version
        else:
            was_taken = previous is not None and not previous.startswith(_SKIPPED)
            version = item.version if was_taken else ""
            archived = ArchivedItem(version=version, item=msgspec.Raw(item.raw))
            raw = msgspec.json.encode(archived)
            await accept(Delivery(raw=raw, account=self._account, received_at=now))
            self._versions[item.id] = item.version
        self._is_changed = True
        while len(self._versions) > _MAX_REMEMBERED:
            self._versions.popitem(last=False)


def window_start(now: datetime, window: timedelta) -> datetime:
    """Return the time, in UTC, from which a listing is read again."""
    return now.astimezone(UTC) - window


def identify_version(
    channel: str, delivery: Delivery, native_id: str, version: str
) -> tuple[str, Event | None]:
    """Return the native id of an item's version, and for a later version the event of its edit."""
    if not version:
        return native_id, None
    return f"{native_id}@{version}", event_for(channel, delivery, "edited", native_id)


def star_rating(stars: object, maximum: int = 5) -> float | None:
    """Return a rating of 1 to `maximum` stars from 0 (worst) to 1 (best), or None without one."""
    if not isinstance(stars, int | float | str):
        return None
    try:
        rating = (float(stars) - 1) / (maximum - 1)
    except (ValueError, OverflowError):
        return None
    return min(1.0, max(0.0, rating))
