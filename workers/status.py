"""Collects the answer of `santral status`, each stage's address and lag, and the waiting items.

The addresses come from the settings, and from access.json of a profile that runs here. One thread
asks each neighbour and stage, all at the same time, for a few seconds at most. One that is away
costs only its own figures.
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

from runtime.bus.client_settings import rdkafka_settings
from runtime.redis.client import connect
from runtime.settings.redis_addresses import describe
from runtime.settings.structs import KafkaSettings, Settings
from runtime.stage.reach import Need, is_reachable
from runtime.store import engine
from schemas.base import Record
from schemas.errors import Retry, Unavailable
from workers.desk_queue.queue import DeskQueue
from workers.store import ledger

T = TypeVar("T")
_ANSWER_TIMEOUT_S = 6.0
"""A person waits this long for the whole answer."""
_REQUEST_TIMEOUT_S = 2.0
"""One request waits this long, so that several fit into the answer."""
_READER_NAMES = {"santral-lines": "desk"}
"""The names that people know for groups with other names."""
_FORMER_GROUPS = frozenset({"santral-desk"})
"""Groups of earlier versions, whose positions Kafka still has although nobody reads."""
_MAX_EXACT = 2000
"""Above this number, the markers of transactions count as records, too."""


class Component(Record, frozen=True, kw_only=True):
    """A stage or neighbour, with its address and notes; `trouble` is empty if it is ready."""

    address: str
    trouble: str = ""
    notes: tuple[str, ...] = ()


class SystemStatus(Record, frozen=True, kw_only=True):
    """The status of Santral; a figure whose source is away is null or empty."""

    home: str
    parts: dict[str, Component]
    behind: dict[str, int]
    waiting: dict[str, int]
    in_hand: dict[str, int]
    dead: int | None
    pending: int | None
    unaccounted: int | None
    findings: tuple[str, ...]


@dataclass(frozen=True)
class _ItemCounts:
    waiting: dict[str, int]
    in_hand: dict[str, int]


@dataclass(frozen=True)
class _LedgerFigures:
    dead: int
    pending: int
    unaccounted: int
    findings: tuple[str, ...]


class _Request(Generic[T]):
    """One request in a thread; its answer is None if it fails or takes too long."""

    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self._name, self._ask = name, ask
        self._answer: T | None = None
        self.trouble = f"{name}: no answer within {_ANSWER_TIMEOUT_S:g} s"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer, self.trouble = self._ask(), ""
        except (KafkaException, RedisError, Retry, SQLAlchemyError, Unavailable, OSError) as error:
            self.trouble = f"{self._name}: {str(error).splitlines()[0]}"

    def wait(self) -> T | None:
        """Return the answer, or None if it does not come in time."""
        self._thread.join(_ANSWER_TIMEOUT_S)
        return self._answer


def collect_status(settings: Settings) -> SystemStatus:
    """Ask every stage and neighbour; return the status."""
    up: dict[Need, bool] = {
        need: is_reachable(settings, need) for need in ("Kafka", "Redis", "the store", "the door")
    }
    stages = _Request("stages", lambda: _read_stages(settings))
    unread = _Request("Kafka", lambda: _count_unread(settings.kafka)) if up["Kafka"] else None
    items = _Request("Redis", lambda: asyncio.run(_count_items(settings))) if up["Redis"] else None
    both = up["Kafka"] and up["the store"]
    books = _Request("ledger", lambda: _read_ledger(settings)) if both else None
    parts = {
        **(stages.wait() or {}),
        "kafka": _component(settings.kafka.bootstrap, up["Kafka"]),
        "redis": _component(describe(settings.redis), up["Redis"]),
        "store": _component(settings.store_url.rpartition("@")[2], up["the store"]),
    }
    desk = items.wait() if items else None
    account = books.wait() if books else None
    unaccounted = account.unaccounted if account else None
    return SystemStatus(
        home=str(settings.home_path),
        parts=parts,
        behind=(unread.wait() if unread else None) or {},
        waiting=desk.waiting if desk else {},
        in_hand=desk.in_hand if desk else {},
        dead=account.dead if account else None,
        pending=account.pending if account else None,
        unaccounted=unaccounted,
        findings=(
            *(
                f"{name}: {component.trouble}"
                for name, component in parts.items()
                if component.trouble
            ),
            *(
                request.trouble
                for request in (stages, unread, items, books)
                if request and request.trouble
            ),
            *(account.findings if account else ()),
            *([f"{unaccounted} unaccounted: `santral ledger` names them"] if unaccounted else []),
        ),
    )


def _component(address: str, up: bool) -> Component:
    return Component(address=address, trouble="" if up else "does not answer")


def _read_stages(settings: Settings) -> dict[str, Component]:
    """Return the readiness of the stages in access.json, or else of those with an address."""
    try:
        access = json.loads((settings.home_path / "access.json").read_bytes())
    except (OSError, ValueError):
        access = {}
    ops: dict[str, str] = access.get("ops") or {}
    listens = {"ingest": settings.console.door_url, "console": settings.door.desk_url}
    with httpx2.Client(timeout=_REQUEST_TIMEOUT_S) as client:
        return {
            name: _read_stage(
                client, listens.get(name, ops.get(name, "")), ops.get(name) or listens[name]
            )
            for name in ops or listens
        }


def _read_stage(client: httpx2.Client, address: str, url: str) -> Component:
    try:
        answer = client.get(f"{url}/readyz")
        body = answer.json()
        problems, notes = body["problems"], body.get("notes", {})
    except httpx2.HTTPError as error:
        return Component(address=address, trouble=f"does not answer ({type(error).__name__})")
    except (ValueError, KeyError):
        trouble = f"answers {answer.status_code}, but not as a stage"
        return Component(address=address, trouble=trouble)
    return Component(
        address=address,
        trouble="; ".join(f"{name}: {problem}" for name, problem in problems.items()),
        notes=tuple(f"{name}: {note}" for name, note in notes.items()),
    )


def _count_unread(kafka: KafkaSettings) -> dict[str, int]:
    """Return the number of unread records of each of our consumer groups."""
    admin = AdminClient(rdkafka_settings(kafka, log_level=0))
    groups = admin.list_consumer_groups(request_timeout=_REQUEST_TIMEOUT_S).result().valid
    names = sorted(
        g.group_id
        for g in groups
        if g.group_id.startswith("santral-") and g.group_id not in _FORMER_GROUPS
    )
    positions: dict[str, list[TopicPartition]] = {}
    for name in names:
        requests = [ConsumerGroupTopicPartitions(name)]
        (answer,) = admin.list_consumer_group_offsets(
            requests, request_timeout=_REQUEST_TIMEOUT_S
        ).values()
        positions[name] = [p for p in answer.result().topic_partitions if p.offset >= 0]
    consumer = Consumer(
        rdkafka_settings(
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
                _count_unread_of(consumer, position) for position in committed
            )
            for name, committed in positions.items()
            if committed
        }
    finally:
        consumer.close()


def _count_unread_of(consumer: Consumer, position: TopicPartition) -> int:
    """Return the number of records after a position.

    It reads a small number one by one, because markers of transactions are between them.
    """
    _, end = consumer.get_watermark_offsets(position, _REQUEST_TIMEOUT_S)
    behind = max(0, int(end) - int(position.offset))
    if not 0 < behind <= _MAX_EXACT:
        return behind
    consumer.assign([position])
    count = 0
    # `consume` would wait its whole timeout for more records than there are.
    while (record := consumer.poll(_REQUEST_TIMEOUT_S)) is not None:
        error = record.error()
        if error is None:
            count += 1
        elif error.code() == KafkaError._PARTITION_EOF:
            return count
        elif not error.retriable():
            raise KafkaException(error)
    return behind


async def _count_items(settings: Settings) -> _ItemCounts:
    redis = connect(settings.redis)
    try:
        desk_queue = DeskQueue(redis)
        counts = {name: await desk_queue.count_items(name) for name in settings.departments}
    finally:
        await redis.aclose()
    return _ItemCounts(
        waiting={name: ready for name, (ready, _) in counts.items()},
        in_hand={name: leased for name, (_, leased) in counts.items()},
    )


def _read_ledger(settings: Settings) -> _LedgerFigures:
    """Return the ledger without asking the sources for their positions, which may take long."""
    store = engine(settings.store_url, read_only=True)
    try:
        account = ledger.read_ledger(store, settings)
        with store.connect() as connection:
            dead = connection.execute(text("SELECT count(DISTINCT id) FROM dead")).scalar()
    finally:
        store.dispose()
    return _LedgerFigures(
        dead=int(dead or 0),
        pending=account.pending,
        unaccounted=account.unaccounted,
        findings=account.findings,
    )
