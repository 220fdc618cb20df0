"""Sources that read the objects of a store which speaks S3, such as Amazon, MinIO or Ceph.

Contact Lens or a receipt rule writes files there, and a channel reads them. The source changes
nothing in the bucket. It takes each object once for each of its contents (ETag), and remembers over
a restart how far it read. Source: docs.aws.amazon.com, S3 ListObjectsV2.
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

_OVERLAP = timedelta(days=7)
"""The age of objects that each pass reads again: an upload in pieces has the time of its beginning,
and clocks differ. The first pass skips objects that are older."""

_CLOCK_MARGIN = timedelta(minutes=1)  # the store's clock may be this much behind ours
_ERROR_STATUS = re.compile(r"status code: (\d{3})[^:]*:?(?:.*?<Code>(\w{1,60})</Code>)?", re.DOTALL)
_SAVE_EVERY = 200  # objects between two savings, which a crash repeats
MAX_OBJECT_BYTES = 64 * 1024 * 1024
"""Bytes of the largest object that a source reads into memory."""
_TIMEOUT = timedelta(seconds=60)


class BucketSettings(Record, frozen=True, kw_only=True):
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


class WatchedBucket(BucketSettings, frozen=True, kw_only=True):
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
class BucketObject:
    """An object as the bucket lists it; `size` in bytes."""

    key: str
    etag: str
    modified: datetime
    size: int

    @property
    def position(self) -> str:
        """The object's position for the ledger: a new content of the same key has another."""
        return f"{self.key}@{self.etag}"


class BucketReader:
    """Lists and reads one bucket; raises Retry with the cause when the bucket can't be read."""

    def __init__(self, settings: BucketSettings) -> None:
        self._name = settings.name
        self._store = S3Store(
            settings.name,
            config={
                "region": settings.region,
                **({"endpoint": settings.endpoint.rstrip("/")} if settings.endpoint else {}),
                **(
                    {
                        "access_key_id": settings.access_key,
                        "secret_access_key": settings.secret_key,
                    }
                    if settings.access_key
                    else {}
                ),
            },
            client_options={
                "allow_http": settings.endpoint.startswith("http://"),
                "timeout": _TIMEOUT,
            },
            # ingest/run.py calls a source that fails again, and logs that meanwhile.
            retry_config={"max_retries": 1},
        )

    async def objects(
        self, prefix: str, endings: tuple[str, ...] = ()
    ) -> AsyncIterator[BucketObject]:
        """Yield every object under a prefix with one of the endings, or with any."""
        try:
            async for chunk in self._store.list(prefix or None):
                for entry in chunk:
                    if endings and not entry["path"].endswith(endings):
                        continue
                    modified = entry["last_modified"].astimezone(UTC)
                    etag = (entry["e_tag"] or modified.isoformat()).strip('"')
                    yield BucketObject(
                        key=entry["path"], etag=etag, modified=modified, size=entry["size"]
                    )
        except (BaseError, OSError) as error:
            raise self._retry(error) from error

    async def get(self, key: str) -> bytes:
        """Return an object's content; raise Rejected(media.*) when it can never be read."""
        try:
            result = await self._store.get_async(key)
            if result.meta["size"] > MAX_OBJECT_BYTES:
                raise Rejected("media.too_large", f"more than {MAX_OBJECT_BYTES} bytes")
            if any("x-amz-key" in str(name) for name in result.attributes):
                raise Rejected("media.refused", "it is encrypted with a key of its writer's")
            return bytes(await result.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:
            raise Rejected("media.gone", f"{self._name} holds no such object") from error
        except (BaseError, OSError) as error:
            raise self._retry(error) from error

    def _retry(self, error: Exception) -> Retry:
        """Return the Retry for a failed request, with the likely cause in its text."""
        # A listing fails with one kind of error for all causes: its text has the status.
        match = _ERROR_STATUS.search(str(error))
        status, code = (match[1], match[2] or "") if match else ("", "")
        cause = {
            "401": ": is the key right?",
            "403": ": is the key right, and may it list and read?",
            "404": ": there is none of that name",
        }.get(status, "")
        answer = f"answered {status} {code}".strip() if match else type(error).__name__
        text = f"bucket {self._name} can't be read, {answer}{cause}"
        return Retry(ACCOUNT_PROBLEM_S if cause else OUTAGE_S, text)


class _Progress(Record, frozen=True, kw_only=True):
    """The progress in a bucket: passes are complete from `began` up to `until`.

    `taken` has ETag and time by key, for the objects of the overlap.
    """

    began: datetime
    until: datetime
    taken: dict[str, tuple[str, datetime]]


class BucketSource:
    """A bucket that is listed again and again."""

    patient = True

    def __init__(
        self, channel: str, account: str, settings: WatchedBucket, context: SourceContext
    ) -> None:
        self._source, self._account = f"{channel}:{account}", account
        self._settings, self._context = settings, context
        self._state = f"bucket-{channel}-{account}"
        self._reader = BucketReader(settings)
        progress = self._load()
        self._began, self._until, self._taken = progress.began, progress.until, progress.taken

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Read for ever; raise Retry when the bucket can't be read."""
        while True:
            now = self._context.now()
            for item in await self._new_objects():
                await self._take(item, accept)
            self._until = now
            self._taken = {k: t for k, t in self._taken.items() if t[1] >= now - _OVERLAP}
            self._save()
            self._context.report_pass(self._source)
            await self._context.pause(self._settings.poll_s)

    async def inventory(self) -> AsyncIterator[str]:
        """Yield the position of each object whose time is within the complete passes."""
        if self._context.load_state(self._state) is None:
            return
        async for item in self._objects():
            if self._began <= item.modified < self._until - _CLOCK_MARGIN:
                yield item.position

    def _objects(self) -> AsyncIterator[BucketObject]:
        return self._reader.objects(self._settings.prefix, self._settings.endings)

    async def _new_objects(self) -> list[BucketObject]:
        """Return the objects that were not taken yet, the oldest first."""
        floor = max(self._began, self._until - _OVERLAP)
        new = [
            item
            async for item in self._objects()
            if item.modified >= floor and self._taken.get(item.key, ("",))[0] != item.etag
        ]
        return sorted(new, key=lambda item: item.modified)

    async def _take(self, item: BucketObject, accept: Accept) -> None:
        """Hand over the content of an object, or the reason why it can't be taken."""
        raw, refused = b"", None
        try:
            if item.size > MAX_OBJECT_BYTES:
                text = f"{item.size} bytes, more than {MAX_OBJECT_BYTES}"
                raise Rejected("media.too_large", text)
            raw = await self._reader.get(item.key)
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
                hint=item.key,
                position=item.position,
                refused=refused,
            )
        )
        self._taken[item.key] = (item.etag, item.modified)
        if len(self._taken) % _SAVE_EVERY == 0:
            self._save()

    def _load(self) -> _Progress:
        """Return the saved progress, or that of a source which has not read yet."""
        now = self._context.now()
        began = self._settings.since or now - _OVERLAP
        began = began.astimezone(UTC) if began.tzinfo else began.replace(tzinfo=UTC)
        start = _Progress(began=began, until=began, taken={})
        state = self._context.load_state(self._state)
        try:
            progress = msgspec.json.decode(state or "", type=_Progress)
        except msgspec.DecodeError:
            return start
        # An earlier `since` than before reads the bucket again: the router drops repeated ids.
        return start if self._settings.since and began < progress.began else progress

    def _save(self) -> None:
        progress = _Progress(began=self._began, until=self._until, taken=self._taken)
        self._context.save_state(self._state, msgspec.json.encode(progress).decode())
