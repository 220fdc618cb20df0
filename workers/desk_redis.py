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

P = "santral:desk:"
_TOGETHER = 500
DONE_MS = 14 * 24 * 3600 * 1000
"""How long a finished message is remembered: longer than any consumer lags behind."""

_HEAD = """
local P = KEYS[1]
local MOST = 200
local epoch = redis.call('GET', P .. 'epoch')
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function regroup(d, c)
  local at = d .. ':' .. c
  local first = redis.call('ZRANGE', P .. 'order:' .. at, 0, 0)[1]
  local old = redis.call('HGET', P .. 'meta:' .. at, 'item')
  if not first then
    redis.call('DEL', P .. 'msgs:' .. at, P .. 'order:' .. at, P .. 'meta:' .. at,
      P .. 'hops:' .. at, P .. 'seen:' .. at)
    redis.call('ZREM', P .. 'ready:' .. d, c)
    redis.call('ZREM', P .. 'leased:' .. d, c)
    if old then redis.call('DEL', P .. 'item:' .. old) end
    return
  end
  if old ~= first and redis.call('HEXISTS', P .. 'msgs:' .. at, old or '') == 0 then
    if old then redis.call('DEL', P .. 'item:' .. old) end
    redis.call('HSET', P .. 'meta:' .. at, 'item', first)
    redis.call('SET', P .. 'item:' .. first, d .. ' ' .. c)
  end
end
local function back(d, c)
  local at = d .. ':' .. c
  redis.call('ZREM', P .. 'leased:' .. d, c)
  redis.call('HDEL', P .. 'meta:' .. at, 'lease', 'agent')
  redis.call('DEL', P .. 'seen:' .. at)
  local score = redis.call('HGET', P .. 'meta:' .. at, 'score')
  if score then redis.call('ZADD', P .. 'ready:' .. d, score, c) end
end
local function held(item, lease)
  local where = redis.call('GET', P .. 'item:' .. item)
  if not where then
    if redis.call('EXISTS', P .. 'done:' .. item) == 1 then return nil, 'lost' end
    return nil, 'unknown'
  end
  local d, c = string.match(where, '^(%S+) (%S+)$')
  local at = d .. ':' .. c
  if redis.call('HGET', P .. 'meta:' .. at, 'lease') ~= lease then return nil, 'lost' end
  local till = redis.call('ZSCORE', P .. 'leased:' .. d, c)
  if not till or tonumber(till) < now then return nil, 'lost' end
  return d, c
end
"""

# department, conversation, message, hops, WorkItem, arrival in ms, score, 1 if it opens nothing
_ADD = (
    _HEAD
    + """
local d, c, m, hops, json, arrived, score, quiet = unpack(ARGV)
local at = d .. ':' .. c
local done = redis.call('GET', P .. 'done:' .. m)
if done and tonumber(done) >= tonumber(hops) then return 0 end
local has = redis.call('HGET', P .. 'hops:' .. at, m)
if has and tonumber(has) >= tonumber(hops) then return 0 end
local item = redis.call('HGET', P .. 'meta:' .. at, 'item')
if quiet == '1' and not item then return 0 end
redis.call('HSET', P .. 'msgs:' .. at, m, json)
redis.call('HSET', P .. 'hops:' .. at, m, hops)
redis.call('SREM', P .. 'seen:' .. at, m)
redis.call('ZADD', P .. 'order:' .. at, arrived, m)
if not item then
  redis.call('HSET', P .. 'meta:' .. at, 'item', m, 'score', score)
  redis.call('SET', P .. 'item:' .. m, d .. ' ' .. c)
  redis.call('ZADD', P .. 'ready:' .. d, score, c)
  return 1
end
local old = redis.call('HGET', P .. 'meta:' .. at, 'score')
if tonumber(score) < tonumber(old) then
  redis.call('HSET', P .. 'meta:' .. at, 'score', score)
  if redis.call('ZSCORE', P .. 'ready:' .. d, c) then
    redis.call('ZADD', P .. 'ready:' .. d, score, c)
  end
end
return 1
"""
)

# department, agent, lease in ms, count
_CLAIM = (
    _HEAD
    + """
if not epoch then return {'rebuild'} end
local d, agent, lease_ms, count = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local late = redis.call('ZRANGEBYSCORE', P .. 'leased:' .. d, '-inf', '(' .. now, 'LIMIT', 0, 100)
for _, c in ipairs(late) do back(d, c) end
local made = {'ok', tostring(#late)}
for _, c in ipairs(redis.call('ZRANGE', P .. 'ready:' .. d, 0, count - 1)) do
  local at = d .. ':' .. c
  redis.call('ZREM', P .. 'ready:' .. d, c)
  local token = epoch .. '.' .. redis.call('INCR', P .. 'fence')
  redis.call('HSET', P .. 'meta:' .. at, 'lease', token, 'agent', agent)
  redis.call('ZADD', P .. 'leased:' .. d, now + lease_ms, c)
  made[#made + 1] = redis.call('HGET', P .. 'meta:' .. at, 'item')
  made[#made + 1] = token
  made[#made + 1] = tostring(now + lease_ms)
  local ids = redis.call('ZRANGE', P .. 'order:' .. at, 0, MOST - 1)
  redis.call('DEL', P .. 'seen:' .. at)
  redis.call('SADD', P .. 'seen:' .. at, unpack(ids))
  made[#made + 1] = redis.call('HMGET', P .. 'msgs:' .. at, unpack(ids))
end
return made
"""
)

# item, lease, lease in ms, 1 to show what came meanwhile: extend it, and return what was shown
_HOLD = (
    _HEAD
    + """
if not epoch then return {'rebuild'} end
local d, c = held(ARGV[1], ARGV[2])
if not d then return {c} end
local at = d .. ':' .. c
redis.call('ZADD', P .. 'leased:' .. d, now + tonumber(ARGV[3]), c)
local ids = {}
for _, m in ipairs(redis.call('ZRANGE', P .. 'order:' .. at, 0, MOST - 1)) do
  if ARGV[4] == '1' then redis.call('SADD', P .. 'seen:' .. at, m) end
  if redis.call('SISMEMBER', P .. 'seen:' .. at, m) == 1 then ids[#ids + 1] = m end
end
if #ids == 0 then return {'lost'} end
return {'ok', d, redis.call('HGET', P .. 'meta:' .. at, 'agent'), tostring(now + tonumber(ARGV[3])),
        redis.call('HMGET', P .. 'msgs:' .. at, unpack(ids))}
"""
)

# item, lease: give it back
_RELEASE = (
    _HEAD
    + """
if not epoch then return {'rebuild'} end
local d, c = held(ARGV[1], ARGV[2])
if not d then return {c} end
back(d, c)
return {'ok'}
"""
)

# department, conversation, milliseconds to remember, then message and hops in turn
_CLOSE = (
    _HEAD
    + """
local d, c, keep = ARGV[1], ARGV[2], ARGV[3]
local at, gone = d .. ':' .. c, 0
for i = 4, #ARGV, 2 do
  local m, hops = ARGV[i], tonumber(ARGV[i + 1])
  local done = redis.call('GET', P .. 'done:' .. m)
  if not done or tonumber(done) < hops then
    redis.call('SET', P .. 'done:' .. m, hops, 'PX', keep)
  end
  local has = redis.call('HGET', P .. 'hops:' .. at, m)
  if has and tonumber(has) <= hops then
    gone = gone + redis.call('HDEL', P .. 'msgs:' .. at, m)
    redis.call('HDEL', P .. 'hops:' .. at, m)
    redis.call('ZREM', P .. 'order:' .. at, m)
  end
end
if gone > 0 then
  regroup(d, c)
  if redis.call('EXISTS', P .. 'meta:' .. at) == 1 then back(d, c) end
end
return gone
"""
)


_BEGIN = """
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1] .. 'epoch', ARGV[1])
return 1
"""


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
        self._add: Any = redis.register_script(_ADD)
        self._claim: Any = redis.register_script(_CLAIM)
        self._hold: Any = redis.register_script(_HOLD)
        self._release: Any = redis.register_script(_RELEASE)
        self._close: Any = redis.register_script(_CLOSE)
        self._begin: Any = redis.register_script(_BEGIN)

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
