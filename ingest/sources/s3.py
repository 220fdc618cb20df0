"""Buckets: objects of a store that speaks S3 (Amazon, MinIO, Ceph, Cloudflare R2).

Before: something writes files there, such as Contact Lens or a receipt rule. After: a channel reads
them; nothing there is ever changed. Every object is taken once for each of its contents (ETag); how
far a bucket was read is remembered over a restart. Source: docs.aws.amazon.com, S3 ListObjectsV2.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from ingest.channel import Delivery
from ingest.source import Accept, CursorStore, SourceContext
from schemas.base import Record
from schemas.delays import ACCOUNT_PROBLEM_S, OUTAGE_S
from schemas.errors import Rejected, Retry

_WEEK = timedelta(days=7)
"""How far back a pass looks again: an upload in parts is dated by its beginning, and clocks differ.
At the first pass what is older is passed by."""

_ANSWER = re.compile(r"status code: (\d{3})[^:]*:?(?:.*?<Code>(\w{1,60})</Code>)?", re.DOTALL)
_KEEP_EVERY = 200
_LARGEST = 64 * 1024 * 1024


class Place(Record, frozen=True, kw_only=True):
    """A bucket, at Amazon or another store that speaks S3."""

    name: Annotated[str, msgspec.Meta(description="The bucket's name.")] = ""
    endpoint: Annotated[
        str, msgspec.Meta(description="The address of the store; empty is Amazon's own.")
    ] = ""
    region: Annotated[str, msgspec.Meta(description="The bucket's region.")] = "us-east-1"
    access_key: Annotated[
        str,
        msgspec.Meta(description="The access key; without one the machine's role gives the keys."),
    ] = ""
    secret_key: Annotated[str, msgspec.Meta(description="The secret of the access key.")] = ""


class Bucket(Place, frozen=True, kw_only=True):
    """A watched bucket."""

    prefix: Annotated[str, msgspec.Meta(description="The beginning of the names to read.")] = ""
    since: Annotated[
        datetime | None,
        msgspec.Meta(
            description="The time from which objects are read; without it, the last week."
        ),
    ] = None
    endings: Annotated[
        tuple[str, ...],
        msgspec.Meta(
            description="The endings of the names to read; none takes all that the channel knows."
        ),
    ] = ()
    poll_s: Annotated[float, msgspec.Meta(gt=0, description="The seconds between two passes.")] = (
        30.0
    )


@dataclass(frozen=True, kw_only=True)
class Object:
    """An object as the bucket lists it; `size` in bytes."""

    key: str
    etag: str
    modified: datetime
    size: int

    @property
    def position(self) -> str:
        """What the ledger calls it: the same key written anew is another thing."""
        return f"{self.key}@{self.etag}"


class Reading:
    """Lists and reads one bucket; what it can't, raises Retry that says why."""

    def __init__(self, told: Place) -> None:
        self._told = told
        self._store = S3Store(
            told.name,
            config={
                "region": told.region,
                **({"endpoint": told.endpoint.rstrip("/")} if told.endpoint else {}),
                **(
                    {"access_key_id": told.access_key, "secret_access_key": told.secret_key}
                    if told.access_key
                    else {}
                ),
            },
            client_options={
                "allow_http": told.endpoint.startswith("http://"),
                "timeout": timedelta(seconds=60),
            },
            # A source that fails is called again by ingest, which says so meanwhile.
            retry_config={"max_retries": 1},
        )

    async def objects(self, prefix: str, endings: tuple[str, ...] = ()) -> AsyncIterator[Object]:
        """Yield every object under a prefix with one of the endings, or any."""
        try:
            async for chunk in self._store.list(prefix or None):
                for one in chunk:
                    if endings and not one["path"].endswith(endings):
                        continue
                    modified = one["last_modified"].astimezone(UTC)
                    etag = (one["e_tag"] or modified.isoformat()).strip('"')
                    yield Object(key=one["path"], etag=etag, modified=modified, size=one["size"])
        except (BaseError, OSError) as error:
            raise self._later(error) from error

    async def get(self, key: str) -> bytes:
        """Return an object; raise Rejected(media.*) when it can never be had."""
        try:
            found = await self._store.get_async(key)
            if found.meta["size"] > _LARGEST:
                raise Rejected("media.too_large", f"more than {_LARGEST} bytes")
            if any("x-amz-key" in str(name) for name in found.attributes):
                raise Rejected("media.refused", "it is encrypted with a key of its writer's")
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise Rejected("media.gone", f"{self._told.name} holds no such object") from error
        except (BaseError, OSError) as error:
            raise self._later(error) from error

    def _later(self, error: Exception) -> Retry:
        # A listing fails with one kind of error for all reasons: its words name the answer.
        found = _ANSWER.search(str(error))
        status, code = (found[1], found[2] or "") if found else ("", "")
        why = {
            "401": ": is the key right?",
            "403": ": is the key right, and may it list and read?",
            "404": ": there is none of that name",
        }.get(status, "")
        told = f"answered {status} {code}".strip() if found else type(error).__name__
        text = f"bucket {self._told.name} can't be read, {told}{why}"
        return Retry(ACCOUNT_PROBLEM_S if why else OUTAGE_S, text)


class _Reach(Record, frozen=True, kw_only=True):
    """How far a bucket was read: passes are whole up to `until`; `taken` by key, from a week before
    that on."""

    began: datetime
    until: datetime
    taken: dict[str, tuple[str, datetime]]


class Objects:
    """A bucket that is looked at again and again."""

    patient = True

    def __init__(self, channel: str, account: str, told: Bucket, context: SourceContext) -> None:
        self._source, self._account, self._told, self._context = (
            f"{channel}:{account}",
            account,
            told,
            context,
        )
        self._kept = f"bucket-{channel}-{account}"
        self._reading = Reading(told)
        self._began, self._until, self._taken = self._restored()

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Look for ever; raise Retry when the bucket can't be read."""
        while True:
            now = self._context.now()
            async for one in self._new():
                await self._take(one, accept)
            self._until = now
            self._taken = {k: t for k, t in self._taken.items() if t[1] >= now - _WEEK}
            self._keep()
            self._context.report_pass(self._source)
            await self._context.pause(self._told.poll_s)

    async def inventory(self) -> AsyncIterator[str]:
        """Yield what the bucket holds of the time that was read whole."""
        if self._context.load_state(self._kept) is None:
            return
        async for one in self._listed():
            if self._began <= one.modified and one.modified < self._until - timedelta(minutes=1):
                yield one.position

    def _listed(self) -> AsyncIterator[Object]:
        return self._reading.objects(self._told.prefix, self._told.endings)

    async def _new(self) -> AsyncIterator[Object]:
        """Yield what was not taken yet, the oldest first."""
        floor = max(self._began, self._until - _WEEK)
        found = [
            one
            async for one in self._listed()
            if one.modified >= floor and self._taken.get(one.key, ("",))[0] != one.etag
        ]
        for one in sorted(found, key=lambda o: o.modified):
            yield one

    async def _take(self, one: Object, accept: Accept) -> None:
        raw, refused = b"", None
        try:
            if one.size > _LARGEST:
                raise Rejected("media.too_large", f"{one.size} bytes, more than {_LARGEST}")
            raw = await self._reading.get(one.key)
        except Rejected as error:
            if error.code == "media.gone":
                self._context.warn("object.gone", source=self._source, why=error.text)
                return
            refused = error
        await accept(
            Delivery(
                raw=raw,
                account=self._account,
                received_at=self._context.now(),
                hint=one.key,
                position=one.position,
                refused=refused,
            )
        )
        self._taken[one.key] = (one.etag, one.modified)
        if len(self._taken) % _KEEP_EVERY == 0:
            self._keep()

    def _restored(self) -> tuple[datetime, datetime, dict[str, tuple[str, datetime]]]:
        now = self._context.now()
        began = self._told.since or now - _WEEK
        began = began.astimezone(UTC) if began.tzinfo else began.replace(tzinfo=UTC)
        told = self._context.load_state(self._kept)
        try:
            held = msgspec.json.decode(told or "", type=_Reach)
        except msgspec.DecodeError:
            return began, began, {}
        # A bucket that is read from further back than before is read anew: the ids absorb it.
        if self._told.since and began < held.began:
            return began, began, {}
        return held.began, held.until, dict(held.taken)

    def _keep(self) -> None:
        reach = _Reach(began=self._began, until=self._until, taken=self._taken)
        self._context.save_state(self._kept, msgspec.json.encode(reach).decode())
