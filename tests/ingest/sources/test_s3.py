"""Transcripts in a bucket: each content once, over restarts, later contents, failures."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from ingest.channel import Context, Delivery
from ingest.channels.phone import Phone
from ingest.channels.phone.account import Account
from ingest.intake.inventory import inventories
from ingest.source import ListsInventory, SourceContext
from ingest.sources.s3 import MAX_OBJECT_BYTES, BucketSource, WatchedBucket
from runtime.bus.readers import read_to_end
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.dead_letter import DeadLetter
from schemas.errors import Retry
from tests.support.ingest.ingesting import ingesting
from tests.support.messages import MemoryCursors
from tests.support.servers.s3 import ACCESS, BUCKET, S3, SECRET, etag

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """The context of a source, with a clock, its state and a number of passes."""

    def __init__(self) -> None:
        self.now, self.state, self.warned = NOW, {}, []  # type: datetime, dict[str, str], list[object]
        self.taken: list[Delivery] = []
        self.away = False

    def tools(self, looks: int) -> SourceContext:
        left = [looks]

        async def pause(_seconds: float) -> None:
            left[0] -= 1
            if left[0] <= 0:
                raise asyncio.CancelledError

        return SourceContext(
            now=lambda: self.now,
            pause=pause,
            warn=lambda *a, **k: self.warned.append((a, k)),
            report_pass=lambda _s: None,
            load_state=self.state.get,
            save_state=self.state.__setitem__,
        )

    async def accept(self, delivery: Delivery) -> None:
        if self.away:
            raise Retry(1, "Kafka is away")
        self.taken.append(delivery)

    async def read(self, settings: WatchedBucket, looks: int = 1) -> list[str]:
        """Return the keys of the objects that a new process takes in this number of passes."""
        before = len(self.taken)
        with pytest.raises(asyncio.CancelledError):
            await BucketSource("phone", "a", settings, self.tools(looks)).run(
                self.accept, MemoryCursors()
            )
        return [d.hint or "" for d in self.taken[before:]]


def bucket(s3: S3, **changes: object) -> WatchedBucket:
    """Return the settings of the bucket with some other settings."""
    settings = WatchedBucket(
        name=BUCKET, endpoint=s3.url, access_key=ACCESS, secret_key=SECRET, prefix="analysis"
    )
    return msgspec.structs.replace(settings, **changes)


async def test_every_content_is_taken_once_over_restarts_and_later_contents_again(s3: S3) -> None:
    machine = Machine()
    s3.page = 2
    for i in range(5):
        s3.put(f"analysis/ç {i}.json", b"{%d}" % i, NOW - i * HOUR)
    s3.put("other/x.json", b"{}", NOW - HOUR)
    s3.put("analysis/years-ago.json", b"{}", NOW - timedelta(days=400))
    assert await machine.read(bucket(s3)) == [f"analysis/ç {i}.json" for i in (4, 3, 2, 1, 0)]
    assert machine.taken[0].raw == b"{4}"
    assert machine.taken[0].position == f"analysis/ç 4.json@{etag(b'{4}')}"
    machine.now += HOUR
    s3.put("analysis/late.json", b"{6}", NOW - timedelta(days=6))  # an upload that began long ago
    s3.put("analysis/ç 1.json", b"{more}", machine.now)
    assert await machine.read(bucket(s3), 3) == ["analysis/late.json", "analysis/ç 1.json"]
    machine.now += timedelta(days=30)  # nothing ran for a month
    s3.put("analysis/meanwhile.json", b"{7}", machine.now - timedelta(days=20))
    assert await machine.read(bucket(s3), 2) == ["analysis/meanwhile.json"]
    assert await machine.read(bucket(s3)) == []


async def test_history_begins_on_the_configured_day(s3: S3) -> None:
    machine = Machine()
    s3.put("analysis/old.json", b"{}", NOW - timedelta(days=300))
    assert await machine.read(bucket(s3)) == []
    since = bucket(s3, since=NOW - timedelta(days=365))
    assert await machine.read(since) == ["analysis/old.json"]
    assert await machine.read(since) == []


async def test_an_object_that_kafka_refused_is_taken_the_next_time(s3: S3) -> None:
    machine = Machine()
    s3.put("analysis/a.json", b"{}", NOW - HOUR)
    machine.away = True
    with pytest.raises(Retry, match="Kafka"):
        await BucketSource("phone", "a", bucket(s3), machine.tools(9)).run(
            machine.accept, MemoryCursors()
        )
    machine.away = False
    assert await machine.read(bucket(s3)) == ["analysis/a.json"]


async def test_only_the_endings_that_are_wanted_are_read(s3: S3) -> None:
    machine = Machine()
    s3.put("analysis/a.json", b"{}", NOW - HOUR)
    s3.put("analysis/a.wav", b"RIFF", NOW - HOUR)
    assert await machine.read(bucket(s3, endings=(".json",))) == ["analysis/a.json"]
    assert s3.gets == ["analysis/a.json"]


@pytest.mark.parametrize(
    ("more", "broken", "words"),
    [
        ({"secret_key": "wrong"}, [], "403 SignatureDoesNotMatch: is the key right"),
        ({"name": "none"}, [], "404 NoSuchBucket: there is none of that name"),
        ({"endpoint": "http://127.0.0.1:9"}, [], "can't be read"),
        ({}, [503] * 9, "answered 503 SlowDown"),
    ],
)
async def test_a_bucket_that_cannot_be_read_is_tried_again_and_says_why(
    s3: S3, more: dict[str, str], broken: list[int], words: str
) -> None:
    machine = Machine()
    s3.broken = broken
    settings = msgspec.structs.replace(bucket(s3), **more)
    with pytest.raises(Retry, match=words):
        await BucketSource("phone", "a", settings, machine.tools(9)).run(
            machine.accept, MemoryCursors()
        )


async def test_an_object_that_is_gone_or_too_large_holds_nothing_up(s3: S3) -> None:
    machine = Machine()
    s3.put("analysis/a.json", bytes(MAX_OBJECT_BYTES + 1), NOW - 2 * HOUR)
    s3.put("analysis/b.json", b"{}", NOW - HOUR)
    assert await machine.read(bucket(s3)) == ["analysis/a.json", "analysis/b.json"]
    large = machine.taken[0]
    assert (large.raw, large.refused and large.refused.code) == (b"", "media.too_large")
    s3.put("analysis/c.json", b"{}", NOW - HOUR)
    source = BucketSource("phone", "a", bucket(s3), machine.tools(1))
    listed = [o async for o in source._objects()]
    del s3.objects["analysis/c.json"]
    await source._take(next(o for o in listed if o.key.endswith("c.json")), machine.accept)
    assert len(machine.taken) == 2
    assert machine.warned


def _context() -> Context[Account]:
    return Context(brand="default", settings=Account())


async def test_the_inventory_lists_the_objects_of_the_time_that_was_read(
    s3: S3, tmp_path: Path
) -> None:
    machine = Machine()
    s3.put("analysis/a.json", b"{}", NOW - HOUR)
    s3.put("analysis/years-ago.json", b"{}", NOW - timedelta(days=400))
    account = Account(bucket=bucket(s3))
    source = Phone().source("a", account, machine.tools(1))
    assert isinstance(source, ListsInventory)
    assert [p async for p in source.inventory()] == []
    await machine.read(bucket(s3))
    s3.put("analysis/new.json", b"{}", NOW + HOUR)
    settings = Settings(
        home=str(tmp_path), channels={"phone": {"a": msgspec.to_builtins(account, str_keys=True)}}
    )
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "bucket-phone-a").write_text(machine.state["bucket-phone-a"])
    assert await inventories(settings) == {"phone:a": [f"analysis/a.json@{etag(b'{}')}"]}


def test_an_account_has_one_place() -> None:
    with pytest.raises(ValueError, match="watches one of them"):
        Account(folder="/a", bucket=WatchedBucket(name="b"))


async def test_an_object_that_its_writer_encrypted_is_a_dead_letter_and_taken_once(
    s3: S3, kafka: Settings
) -> None:
    machine = Machine()
    s3.metadata = {"x-amz-key-v2": "abc"}
    s3.put("analysis/a.json", b"cipher", NOW - HOUR)
    assert await machine.read(bucket(s3)) == ["analysis/a.json"]
    refused = machine.taken[0].refused
    assert refused is not None
    assert refused.code == "media.refused"
    async with ingesting(kafka, timedelta(seconds=20)) as ingest:
        assert await ingest.publish_or_bury(Phone(), machine.taken[0], Account()) is None
    letters = [
        envelope.decode(DeadLetter, r.value)
        async for records in read_to_end(kafka.kafka, [topics.DEAD.name])
        for r in records
    ]
    assert [(x.code, x.origin.position) for x in letters] == [
        ("media.refused", machine.taken[0].position)
    ]
