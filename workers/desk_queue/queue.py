"""The departments' lines in Redis, with leases and closings, which Lua scripts change.

desk_feed adds and closes messages; desk claims items for agents and closes them. All of it is a
cache of Kafka. The feed fills it again when there is no `epoch`, and adds the missing records when
Redis has lost its last ones. A lease names its epoch, a number, a random token and its item's hash,
so that it is valid in one history only, and a finished item differs from an unknown one. The keys
behind the prefix `santral:lines:`, where D is a department and C a conversation:

    ready:D    sorted set of conversations; score = arrival in ms less priority, lowest first
    leased:D   sorted set of conversations; score = end of the lease in ms
    closing:D  sorted set of conversations; score = ms when an agent marked it as closing
    c:D:C      hash of a waiting conversation; i item, s score, l lease, a agent, and for each
               message m<id> -> "hops, arrival in ms, partition, offset, lease that showed it"
    x:D:C      hash of a closing; lease, verb, answer (its last outcome, empty once another
               agent's counts), o<id> for each outcome that did not come yet
    closed:L   "outcome verb" of a closing by lease L whose outcomes all count, for a time
    lease:L    "D C", while leased or closing        body:M:H  WorkItem at H hops
    item:ID    "D C" of the newest lease on it, since a half-moved item is in two departments
    done:M     "hops, first outcome that closed it, 1 if the message waited then", for a time
    draft:ID:A the text that an agent begins to write, for a time
    sent:ID    hash of the answers to an item, for a time; name -> "digest of the text, outcome"
    at         hash "topic/partition" -> offset up to which the scripts applied it
    claimed:L  history in which lease L began, until some time after its end
    expired    hash lease -> the expired lease as JSON, until its outcome is in Kafka
    epoch, fence, verified (the history that the feed compared with Kafka), doubt (another history
    was live a short time ago, and only outcomes.v1 says which of two outcomes counts)
"""

import secrets
from collections.abc import Sequence
from typing import Literal

import msgspec
from redis.asyncio import Redis

from schemas import topics
from workers.desk_queue.leased_items import LeasedItems
from workers.desk_queue.script_answers import (
    bytes_of,
    groups,
    list_of,
    number_of,
    text_of,
)
from workers.desk_queue.script_chunks import closing_chunks, message_chunks
from workers.desk_queue.script_runner import PREFIX, ScriptRunner, shown_messages
from workers.desk_queue.values import (
    ClaimedItem,
    Closing,
    ExpiredLease,
    Lease,
    OffsetRange,
    PendingClosing,
    QueuedMessage,
    decode_expired,
)

P = PREFIX
EARLY_MS = 14 * 24 * 3600 * 1000
"""Redis remembers a close without its message for longer than a consumer lags."""
CLOSED_MS = 120_000
"""Redis remembers the outcome and the lease that closed a message for longer than an agent waits
for the feed and repeats an act."""
DOUBT_MS = 600_000
"""After a change of the history, or an abandoned closing, an outcome of an agent who read the old
lines may come this late. Until then only outcomes.v1 confirms a close."""

Confirmation = Literal["counted", "superseded", "unknown", "early", "alone"]


class DeskQueue:
    """The lines of all departments; a method runs a script, or one for each few hundred records.

    Redis keeps the bodies of the first `head_of_line` conversations of a line, or of all with None.
    It keeps them for `body_ms` milliseconds, or with 0 until they are closed.
    """

    def __init__(
        self, redis: "Redis[bytes]", *, head_of_line: int | None = None, body_ms: int = 0
    ) -> None:
        self._redis = redis
        self._head_of_line, self._body_ms = -1 if head_of_line is None else head_of_line, body_ms
        self._scripts = ScriptRunner(redis)
        self.leases = LeasedItems(redis, self._scripts)

    # Agents

    async def claim(
        self, department: str, agent: str, lease_ms: int, count: int
    ) -> tuple[list[ClaimedItem], int]:
        """Return the claimed items, and the number of leases that ended without an act."""
        token = secrets.token_hex(6)
        expired, *rest = await self._scripts.run("CLAIM", department, agent, lease_ms, count, token)
        claimed = [
            ClaimedItem(
                item=text_of(item),
                lease=text_of(lease),
                until_ms=number_of(until),
                messages=shown_messages(list_of(contents)),
            )
            for item, lease, until, contents in groups(rest, 4)
        ]
        return claimed, number_of(expired)

    async def extend_lease(
        self, item: str, lease: str, lease_ms: int, *, show: bool = False, verb: str = ""
    ) -> Lease:
        """Extend a lease by `lease_ms` and return it with the messages that its agent was shown.

        With `show` it shows the messages that came since, too. `verb` names the closing that the
        agent may repeat. Raises AlreadyClosed if that closing counted a short time ago, else
        LeaseLost, ItemClosing or ItemUnknown.
        """
        prefix = f"{topics.OUTCOMES.name}/"
        department, conversation, agent, until, contents, reached = await self._scripts.run(
            "EXTEND_LEASE", item, lease, lease_ms, int(show), verb, prefix
        )
        return Lease(
            item=item,
            lease=lease,
            department=text_of(department),
            conversation=text_of(conversation),
            agent=text_of(agent),
            until_ms=number_of(until),
            messages=shown_messages(list_of(contents)),
            reached={
                text_of(name): number_of(offset) for name, offset in groups(list_of(reached), 2)
            },
        )

    async def release(self, item: str, lease: str) -> None:
        """Give an item back; raise LeaseLost, ItemClosing or ItemUnknown."""
        await self._scripts.run("RELEASE", item, lease)

    async def mark_closing(
        self, item: str, lease: str, verb: str, outcomes: Sequence[str]
    ) -> bytes:
        """Mark an item as closing until those outcomes come; return the history of this Redis.

        The same lease may repeat the same verb. Raises the errors of `extend_lease`.
        """
        return bytes_of((await self._scripts.run("MARK_CLOSING", item, lease, verb, *outcomes))[0])

    async def confirm(
        self,
        lease: Lease,
        partition: str,
        offset: int,
        history: bytes,
        closes: Sequence[tuple[str, int, str]],
    ) -> Confirmation:
        """Say whether outcomes are the first that close their messages (message, hops, outcome).

        `offset` is that of the last outcome in its `partition`, `history` that of the mark.
        """
        key = (lease.department, lease.conversation, lease.lease)
        flat = [value for close in closes for value in close]
        (value,) = await self._scripts.run("CONFIRM", *key, partition, offset, history, *flat)
        confirmation: Confirmation = msgspec.convert(text_of(value), Confirmation)
        return confirmation

    async def keep_bodies(self, bodies: dict[tuple[str, int], bytes], milliseconds: int) -> None:
        """Keep WorkItems, by message and hops, for a time if Redis has the memory."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for (message, hops), body in bodies.items():
                pipe.set(f"{P}body:{message}:{hops}", body, px=milliseconds)
            await pipe.execute(raise_on_error=False)

    async def use_once(self, nonce: str, seconds: int) -> bool:
        """Say whether this is a nonce's first use, and remember it for these seconds."""
        return bool(await self._redis.set(P + f"once:{nonce}", b"1", nx=True, ex=seconds))

    async def count_items(self, department: str) -> tuple[int, int]:
        """Return the number of conversations that wait, and of those that agents lease or close."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in ("ready", "leased", "closing"):
                pipe.zcard(f"{P}{name}:{department}")
            ready, leased, closing = await pipe.execute()
        return int(ready), int(leased) + int(closing)

    # Feed

    async def add(
        self, queued_messages: Sequence[QueuedMessage], span: OffsetRange | None = None
    ) -> int:
        """Put messages in line; return the number of those that were new and not closed.

        With a `span` it notes the offsets as applied, and raises RedisBehind if Redis lacks records
        before them.
        """
        count = 0
        for position, flat in message_chunks(queued_messages, span):
            added = await self._scripts.run(
                "ADD", *position, self._body_ms, self._head_of_line, *flat
            )
            count += number_of(added[0])
        return count

    async def close(
        self, closings: Sequence[Closing], span: OffsetRange | None = None
    ) -> tuple[int, int]:
        """Take closed messages out of line, with `span` as in `add`.

        Return the number of those that waited, and of those that another outcome closed before.
        """
        removed_count = superseded_count = 0
        for position, flat in closing_chunks(closings, span):
            removed, superseded = await self._scripts.run(
                "CLOSE", *position, EARLY_MS, CLOSED_MS, *flat
            )
            removed_count += number_of(removed)
            superseded_count += number_of(superseded)
        return removed_count, superseded_count

    async def list_closings(
        self, department: str, before_ms: int, count: int = 100
    ) -> list[PendingClosing]:
        """Return the closings that agents marked before a time, the oldest first."""
        rest = await self._scripts.run("LIST_CLOSINGS", department, before_ms, count)
        return [
            PendingClosing(
                conversation=text_of(conversation),
                lease=text_of(lease),
                verb=text_of(verb),
                outcomes=tuple(text_of(o) for o in list_of(outcomes)),
            )
            for conversation, lease, verb, outcomes in groups(rest, 4)
        ]

    async def cancel_closing(self, department: str, closing: PendingClosing) -> bool:
        """Put a conversation back in line; return False if its closing ended meanwhile."""
        answer = await self._scripts.run(
            "CANCEL_CLOSING", department, closing.conversation, closing.lease, DOUBT_MS
        )
        return bool(answer[0] == b"1")

    async def expire_leases(self, department: str) -> int:
        """Put the conversations of expired leases back in line, and return their number.

        Redis notes each of these leases until `forget_expired`. Raises Retry if it is not verified.
        """
        return number_of((await self._scripts.run("EXPIRE", department))[0])

    async def list_expired(self) -> list[ExpiredLease]:
        """Return some of the noted leases that expired."""
        _, noted = await self._redis.hscan(P + "expired", count=100)
        return [decode_expired(lease.decode(), value) for lease, value in noted.items()]

    async def forget_expired(self, lease: str) -> None:
        """Forget the note of an expired lease."""
        await self._redis.hdel(P + "expired", lease)

    async def read_positions(self) -> dict[str, int]:
        """Return the next offset to apply, by `topic/partition`."""
        stored = await self._redis.hgetall(P + "at")
        return {name.decode(): int(offset) for name, offset in stored.items()}

    async def read_epoch(self) -> bytes | None:
        """Return the epoch, or None if the feed must fill the lines before an agent may claim."""
        stored: bytes | None = await self._redis.get(P + "epoch")
        return stored

    async def begin(
        self, epoch: str, lock: str, token: str, positions: dict[str, int] | None = None
    ) -> bool:
        """Declare the lines complete up to `positions` if `token` still has the lock."""
        flat = [value for item in (positions or {}).items() for value in item]
        answer = await self._scripts.run("BEGIN", DOUBT_MS, epoch, token, *flat, keys=[lock])
        return bool(answer[0] == b"1")

    async def read_history(self) -> tuple[bytes, bool]:
        """Return the history of this Redis, and whether the feed verified it.

        Every start and every fail-over begins another history. A claim needs a verified one.
        """
        present, verified = await self._scripts.run("HISTORY")
        return bytes_of(present), present == verified

    async def verify(self, history: bytes) -> bool:
        """Declare that the lines have every record that Kafka contained when this history began."""
        answer = await self._scripts.run("VERIFY", DOUBT_MS, history)
        return bool(answer[0] == b"1")

    async def clear(self, lock: str = "") -> None:
        """Delete the lines in small steps, without the key `lock`."""
        cursor = -1
        while cursor:
            cursor, keys = await self._redis.scan(max(cursor, 0), match=P + "*", count=1000)
            doomed = [key for key in keys if key.decode() != lock]
            if doomed:
                await self._redis.unlink(*doomed)
