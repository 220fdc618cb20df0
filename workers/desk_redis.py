"""The desk's waiting lines in Redis: what waits, who holds what, until when. Lua moves it.

Before: desk_feed.py adds what the queues bring. After: desk.py claims and finishes. Everything
here is a cache of Kafka: without its epoch key nothing is served until it is rebuilt. Every
script is idempotent; a lease's token names the epoch, so that no token outlives a flush.

    ready:D   sorted set of conversations; score = arrival in ms less priority: lower goes first
    leased:D  sorted set of conversations; score = end of the lease in ms
    msgs:D:C  hash of a conversation's waiting messages: id -> WorkItem as JSON
    order:D:C sorted set of their ids by arrival
    hops:D:C  hash of their hops              seen:D:C  set of ids the lease's agent was shown
    meta:D:C  item, score, lease, agent        item:ID -> "D C"        done:ID -> hops
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from schemas.errors import Retry, SantralError
from workers import desk_scripts as scripts

P = "santral:desk:"
_TOGETHER = 500
DONE_MS = 14 * 24 * 3600 * 1000
"""How long a finished message is remembered: longer than any consumer lags behind."""


class LeaseLost(SantralError):
    """The lease ran out or another agent has the item: 409."""


class ItemUnknown(SantralError):
    """No such item waits at any desk: 404."""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """One claimed conversation: its item, its lease and its WorkItems as JSON, oldest first."""

    item: str
    lease: str
    until_ms: int
    works: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a lease holds now."""

    department: str
    agent: str
    until_ms: int
    works: tuple[bytes, ...]


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A message for a line: its WorkItem as JSON, its arrival in ms, its score (lower goes first).

    A `quiet` one joins a conversation that waits, and opens none.
    """

    department: str
    conversation: str
    message: str
    hops: int
    work: bytes
    arrived_ms: int
    score: float
    quiet: bool


class Lines:
    """The waiting lines; each method is one script."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._redis = redis
        self._add: Any = redis.register_script(scripts.ADD)
        self._claim: Any = redis.register_script(scripts.CLAIM)
        self._hold: Any = redis.register_script(scripts.HOLD)
        self._release: Any = redis.register_script(scripts.RELEASE)
        self._close: Any = redis.register_script(scripts.CLOSE)
        self._begin: Any = redis.register_script(scripts.BEGIN)

    async def use_once(self, word: str, seconds: int) -> bool:
        """Say whether this is a word's first use, and remember the word for so many seconds."""
        return bool(await self._redis.set(P + f"once:{word}", b"1", nx=True, ex=seconds))

    async def epoch(self) -> bytes | None:
        """Return the epoch, None when the lines must be rebuilt before anything is served."""
        found: bytes | None = await self._redis.get(P + "epoch")
        return found

    async def begin(self, epoch: str, lock: str, token: str) -> bool:
        """Declare the lines whole, if the lock is still `token`'s: nobody emptied them."""
        return bool(await self._begin(keys=[P, lock], args=[epoch, token]))

    async def reached(self, offsets: dict[str, int]) -> None:
        """Note how far the feed has read: what an older Redis does not know."""
        if offsets:
            await self._redis.hset(P + "reached", mapping=offsets)

    async def behind(self, offsets: dict[str, int]) -> bool:
        """Say whether this Redis is older than what was read into it; then it must be rebuilt."""
        if not offsets:
            return False
        names = list(offsets)
        held = await self._redis.hmget(P + "reached", names)
        old = any(int(h or 0) < offsets[n] for h, n in zip(held, names, strict=True))
        if old:
            await self._redis.delete(P + "epoch")
        return old

    async def add(self, arrivals: Sequence[Arrival]) -> int:
        """Put messages in line, many by one round trip; return how many were neither there already
        nor finished."""
        count = 0
        for at in range(0, len(arrivals), _TOGETHER):
            async with self._redis.pipeline(transaction=False) as pipe:
                for a in arrivals[at : at + _TOGETHER]:
                    await self._add(
                        keys=[P], client=pipe,
                        args=[a.department, a.conversation, a.message, a.hops, a.work,
                              a.arrived_ms, a.score, int(a.quiet)],
                    )  # fmt: skip
                count += sum(map(bool, await pipe.execute()))
        return count

    async def claim(
        self, department: str, agent: str, lease_ms: int, count: int
    ) -> tuple[list[Claimed], int]:
        """Return what was claimed, and how many leases had run out."""
        answer = _told(await self._claim(keys=[P], args=[department, agent, lease_ms, count]))
        made = []
        for at in range(1, len(answer), 4):
            item, lease, until, works = answer[at : at + 4]
            made.append(
                Claimed(
                    item=item.decode(), lease=lease.decode(), until_ms=int(until),
                    works=tuple(w for w in works if w is not None),
                )
            )  # fmt: skip
        return made, int(answer[0])

    async def hold(self, item: str, lease: str, lease_ms: int, *, show: bool = False) -> Held:
        """Extend a lease and return what its agent was shown, with `show` also what came since.

        Raises LeaseLost or ItemUnknown.
        """
        answer = _told(await self._hold(keys=[P], args=[item, lease, lease_ms, int(show)]))
        department, agent, until, works = answer
        return Held(
            department=department.decode(), agent=(agent or b"").decode(), until_ms=int(until),
            works=tuple(w for w in works if w is not None),
        )  # fmt: skip

    async def release(self, item: str, lease: str) -> None:
        """Give an item back; raise LeaseLost or ItemUnknown."""
        _told(await self._release(keys=[P], args=[item, lease]))

    async def close(
        self, department: str, conversation: str, messages: list[tuple[str, int]]
    ) -> int:
        """Take finished messages (id, hops) out of line; return how many were there."""
        args: list[Any] = [department, conversation, DONE_MS]
        for message, hops in messages:
            args += [message, hops]
        return int(await self._close(keys=[P], args=args))

    async def counts(self, department: str) -> tuple[int, int]:
        """Return how many conversations wait and how many are held."""
        ready = await self._redis.zcard(f"{P}ready:{department}")
        leased = await self._redis.zcard(f"{P}leased:{department}")
        return int(ready), int(leased)


def _told(answer: list[Any]) -> list[Any]:
    word = answer[0].decode() if isinstance(answer[0], bytes) else str(answer[0])
    if word == "rebuild":
        raise Retry(2, "the desk is being rebuilt from Kafka")
    if word == "lost":
        raise LeaseLost("the lease is no longer held: claim again")
    if word == "unknown":
        raise ItemUnknown("no such item waits: it was finished, moved, or never was")
    return answer[1:]
