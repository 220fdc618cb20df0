"""The answer of `santral status`: each part's address and lag, and the messages that wait.

Before: settings, and access.json of what runs here. After: the command prints it. One thread asks
each part, all at the same time, for a few seconds at most. A part that is away costs only its own
figures.
"""

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import httpx2
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from runtime.bus.bus import rdkafka
from runtime.redis.client import connect
from runtime.settings.redis_addresses import describe
from runtime.settings.structs import Kafka, Settings
from runtime.stage.reach import Need, is_reachable
from runtime.store import engine
from schemas.base import Record
from schemas.errors import Retry, Unavailable
from workers.desk_queue.queue import DeskQueue
from workers.store import ledger

T = TypeVar("T")
_PATIENCE_S = 6.0
_REQUEST_S = 2.0
_READER_NAMES = {"santral-lines": "desk"}
"""The names that people know for groups which are called otherwise."""
_FORMER_GROUPS = frozenset({"santral-desk"})
"""Groups of earlier versions: Kafka still has their positions, and nobody reads on."""
_EXACT = 2000  # above this number, records and the markers between them count alike


class Part(Record, frozen=True, kw_only=True):
    """One part: its address, its fault (empty when ready), and what people should look at."""

    address: str
    trouble: str = ""
    notes: tuple[str, ...] = ()


class Status(Record, frozen=True, kw_only=True):
    """The whole status; null or empty where the part with that figure is away."""

    home: str
    parts: dict[str, Part]
    behind: dict[str, int]
    waiting: dict[str, int]
    in_hand: dict[str, int]
    dead: int | None
    pending: int | None
    unaccounted: int | None
    findings: tuple[str, ...]


@dataclass(frozen=True)
class _Lines:
    waiting: dict[str, int]
    in_hand: dict[str, int]


@dataclass(frozen=True)
class _Books:
    dead: int
    pending: int
    unaccounted: int
    findings: tuple[str, ...]


class _Question(Generic[T]):
    """One request in a thread; `answer` is None when it fails or takes too long."""

    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self._name, self._ask = name, ask
        self._answer: T | None = None
        self.trouble = f"{name}: no answer within {_PATIENCE_S:g} s"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer, self.trouble = self._ask(), ""
        except (KafkaException, RedisError, Retry, SQLAlchemyError, Unavailable, OSError) as error:
            self.trouble = f"{self._name}: {str(error).splitlines()[0]}"

    def answer(self) -> T | None:
        """Return the answer that came in time."""
        self._thread.join(_PATIENCE_S)
        return self._answer


def look(settings: Settings) -> Status:
    """Ask every part."""
    up: dict[Need, bool] = {
        need: is_reachable(settings, need) for need in ("Kafka", "Redis", "the store", "the door")
    }
    stages = _Question("stages", lambda: _stages(settings))
    behind = _Question("Kafka", lambda: _behind(settings.kafka)) if up["Kafka"] else None
    lines = _Question("Redis", lambda: asyncio.run(_waiting(settings))) if up["Redis"] else None
    both = up["Kafka"] and up["the store"]
    books = _Question("ledger", lambda: _count_books(settings)) if both else None
    parts = {
        **(stages.answer() or {}),
        "kafka": _part(settings.kafka.bootstrap, up["Kafka"]),
        "redis": _part(describe(settings.redis), up["Redis"]),
        "store": _part(settings.store_url.rpartition("@")[2], up["the store"]),
    }
    desk = lines.answer() if lines else None
    account = books.answer() if books else None
    unaccounted = account.unaccounted if account else None
    return Status(
        home=str(settings.home_path),
        parts=parts,
        behind=(behind.answer() if behind else None) or {},
        waiting=desk.waiting if desk else {},
        in_hand=desk.in_hand if desk else {},
        dead=account.dead if account else None,
        pending=account.pending if account else None,
        unaccounted=unaccounted,
        findings=(
            *(f"{name}: {part.trouble}" for name, part in parts.items() if part.trouble),
            *(q.trouble for q in (stages, behind, lines, books) if q and q.trouble),
            *(account.findings if account else ()),
            *([f"{unaccounted} unaccounted: `santral ledger` names them"] if unaccounted else []),
        ),
    )


def _part(address: str, up: bool) -> Part:
    return Part(address=address, trouble="" if up else "does not answer")


def _stages(settings: Settings) -> dict[str, Part]:
    """Return every stage's readiness: those of access.json, or those with an address."""
    try:
        access = json.loads((settings.home_path / "access.json").read_bytes())
    except (OSError, ValueError):
        access = {}
    ops: dict[str, str] = access.get("ops") or {}
    listens = {"ingest": settings.console.door_url, "console": settings.door.desk_url}
    with httpx2.Client(timeout=_REQUEST_S) as client:
        return {
            name: _stage(
                client, listens.get(name, ops.get(name, "")), ops.get(name) or listens[name]
            )
            for name in ops or listens
        }


def _stage(client: httpx2.Client, address: str, url: str) -> Part:
    try:
        answer = client.get(f"{url}/readyz")
        body = answer.json()
        problems, notes = body["problems"], body.get("notes", {})
    except httpx2.HTTPError as error:
        return Part(address=address, trouble=f"does not answer ({type(error).__name__})")
    except (ValueError, KeyError):
        trouble = f"answers {answer.status_code}, but not as a stage"
        return Part(address=address, trouble=trouble)
    return Part(
        address=address,
        trouble="; ".join(f"{name}: {problem}" for name, problem in problems.items()),
        notes=tuple(f"{name}: {note}" for name, note in notes.items()),
    )


def _behind(kafka: Kafka) -> dict[str, int]:
    """Return how many records each of our consumer groups still has to read."""
    admin = AdminClient(rdkafka(kafka, log_level=0))
    groups = admin.list_consumer_groups(request_timeout=_REQUEST_S).result().valid
    names = sorted(
        g.group_id
        for g in groups
        if g.group_id.startswith("santral-") and g.group_id not in _FORMER_GROUPS
    )
    places: dict[str, list[TopicPartition]] = {}
    for name in names:
        requests = [ConsumerGroupTopicPartitions(name)]
        (answer,) = admin.list_consumer_group_offsets(requests, request_timeout=_REQUEST_S).values()
        places[name] = [p for p in answer.result().topic_partitions if p.offset >= 0]
    consumer = Consumer(
        rdkafka(
            kafka,
            **{
                "group.id": "santral-status",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            },
        )
    )
    try:
        return {
            _READER_NAMES.get(name, name.removeprefix("santral-")): sum(
                _unread(consumer, position) for position in committed
            )
            for name, committed in places.items()
            if committed
        }
    finally:
        consumer.close()


def _unread(consumer: Consumer, position: TopicPartition) -> int:
    """Return the number of records after a position. It reads a small number one by one, because
    markers of transactions are between them."""
    _, end = consumer.get_watermark_offsets(position, _REQUEST_S)
    behind = max(0, int(end) - int(position.offset))
    if not 0 < behind <= _EXACT:
        return behind
    consumer.assign([position])
    count = 0
    # One by one: `consume` would wait its whole time for more than there is.
    while (record := consumer.poll(_REQUEST_S)) is not None:
        error = record.error()
        if error is None:
            count += 1
        elif error.code() == KafkaError._PARTITION_EOF:
            return count
        elif not error.retriable():
            raise KafkaException(error)
    return behind


async def _waiting(settings: Settings) -> _Lines:
    redis = connect(settings.redis)
    try:
        lines = DeskQueue(redis)
        counts = {name: await lines.count_items(name) for name in settings.departments}
    finally:
        await redis.aclose()
    return _Lines(
        waiting={name: ready for name, (ready, _) in counts.items()},
        in_hand={name: held for name, (_, held) in counts.items()},
    )


def _count_books(settings: Settings) -> _Books:
    """Return the ledger without asking the sources for their positions, which may take long."""
    store = engine(settings.store_url, read_only=True)
    try:
        account = ledger.take(store, settings)
        with store.connect() as connection:
            dead = connection.execute(text("SELECT count(DISTINCT id) FROM dead")).scalar()
    finally:
        store.dispose()
    return _Books(
        dead=int(dead or 0),
        pending=account.pending,
        unaccounted=account.unaccounted,
        findings=account.findings,
    )
