"""Sends replies.v1 through the channel's action, each once, and records what became of it.

Before: desk.py and acknowledge.py. After: the customer; outcomes `delivered` or `undeliverable`.
In this order: claim, note that sending begins, send, outcome to Kafka, mark done, commit. What a
crash left begun is never sent again: a person is told that nobody knows. A reply that has to wait
keeps its offset, not its neighbours.
"""

import asyncio
import contextlib
import os
import secrets
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from redis.asyncio import Redis

from runtime import metrics
from runtime.bus import Lag, Publisher, reader
from runtime.claims import AWAY, Claims
from runtime.clock import Clock
from runtime.faults import guard
from runtime.health import Fresh, Health
from runtime.log import get
from runtime.settings import Settings
from runtime.settings_file import section
from schemas import envelope, topics
from schemas.base import Id, Name, Record, derived_id
from schemas.errors import Rejected, Retry
from schemas.outcome import Outcome, OutcomeKind, Reply
from workers.action import Action, Unconfirmed
from workers.registry import for_channel

log = get(__name__)

GROUP = "santral-replies"
STEP = GROUP
"""This worker in `santral_bugs_caught_total`."""
_LEASE_MS = 300_000  # longer than an SMTP conversation's own deadlines
_KEEP_MS = 14 * 24 * 3600 * 1000
_IN_FLIGHT = 200
_GIVE_UP_S = 4 * 3600.0
_LONGEST_S = 3600.0  # a vendor's own hint is obeyed up to here
_HOUR_MS = 3_600_000
_STOP_S = 12.0

SENT = "santral:reply-sent:"

_COUNT = """
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n
"""


class Sent(Record, frozen=True, kw_only=True):
    """What is remembered of a reply that was handed over: where a bounce of it belongs."""

    item: Id
    department: Name
    message: Id


def sent(reply: Reply) -> bytes:
    """Return what is remembered of a reply."""
    made = Sent(item=reply.item, department=reply.department, message=reply.message)
    return msgspec.json.encode(made)


class Replies:
    """The loop: replies in, outcomes out."""

    def __init__(
        self, settings: Settings, redis: "Redis[bytes]", publisher: Publisher, clock: Clock,
        health: Health,
    ) -> None:  # fmt: skip
        self._settings, self._publisher, self._clock = settings, publisher, clock
        self._redis = redis
        self._claims = Claims(redis, "santral:reply:", _LEASE_MS, _KEEP_MS)
        self._count: Any = redis.register_script(_COUNT)
        self._token = secrets.token_hex(8)
        self._results: dict[str, tuple[OutcomeKind, str]] = {}
        self._stopping = asyncio.Event()
        self._tasks: dict[TopicPartition, dict[int, asyncio.Task[None]]] = {}
        self.lag = Lag("replies lag")
        self.fresh = Fresh(clock, 60, "look at replies.v1")
        health.add("replies", self.fresh)

    async def run(self) -> None:
        """Send until cancelled."""
        consumer = reader(
            self._settings.kafka, topics.REPLIES.name, group=GROUP,
            client_id=f"santral-replies-{os.getpid()}",
        )  # fmt: skip
        await consumer.start()
        try:
            while True:
                room = _IN_FLIGHT - sum(map(len, self._tasks.values()))
                if room > 0:
                    batch = await consumer.getmany(timeout_ms=300, max_records=room)
                else:
                    batch = {}
                    await asyncio.sleep(0.1)
                for part, records in batch.items():
                    held = self._tasks.setdefault(part, {})
                    for record in records:
                        if record.offset not in held:
                            held[record.offset] = asyncio.create_task(self._one(record))
                await self._settle(consumer)
                await self.lag.turned(consumer)
                if room <= 0:
                    self.lag.left()  # it reads on when a reply leaves: that may take hours
                self.fresh.succeeded()
        finally:
            await self._finish_begun()
            self.lag.left()
            await consumer.stop()

    async def _finish_begun(self) -> None:
        """Let what is being sent end by itself, and what waits go."""
        self._stopping.set()
        left = [t for held in self._tasks.values() for t in held.values() if not t.done()]
        if left:
            await asyncio.wait(left, timeout=_STOP_S)
        for task in left:
            task.cancel()

    async def _settle(self, consumer: AIOKafkaConsumer) -> None:
        """Commit up to the first reply that is still in hand, in each partition."""
        owned = consumer.assignment()
        offsets = {}
        for part in list(self._tasks):
            held = self._tasks[part]
            if part not in owned:
                # Another process has it now; its claims keep it from sending what is begun here.
                self._tasks.pop(part)
                continue
            while held and held[first := min(held)].done():
                held.pop(first).result()
                offsets[part] = first + 1
        if offsets:
            await consumer.commit(offsets)

    async def _one(self, record: ConsumerRecord) -> None:
        try:
            reply = envelope.decode(Reply, record.value)
        except Rejected as error:
            log.warning("record.undecodable", topic=record.topic, text=error.text)
            return
        action = for_channel(reply.channel, reply.reply_to)
        if action is None:
            return  # the door pushes it to the visitor
        with guard(log, STEP, id=reply.id) as handling:
            await self._finish_reply(reply, action)
        if handling.failed:
            with guard(log, STEP, id=reply.id):
                await self._tell(reply, "undeliverable", str(Rejected("reply.bug")))

    async def _finish_reply(self, reply: Reply, action: Action) -> None:
        """Try until the reply is sent, refused or given up."""
        delay, until = 2.0, self._clock.monotonic() + _GIVE_UP_S
        while True:
            try:
                await self._attempt(reply, action)
                return
            except Retry as error:
                if self._clock.monotonic() > until:
                    await self._tell(reply, "undeliverable", f"gave up: {error}")
                    return
                log.warning("reply.later", id=reply.id, why=str(error))
                await self._wait(min(_LONGEST_S, max(min(delay, 600.0), error.after)))
                delay *= 2
            except AWAY:
                await self._wait(1)
            if self._stopping.is_set():
                raise asyncio.CancelledError

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _attempt(self, reply: Reply, action: Action) -> None:
        held = await self._claims.claim(reply.id, self._token)
        if held == "DONE":
            return
        if held == "BUSY":
            raise Retry(10, "another process has it")
        if reply.id in self._results:
            # Sent, but Kafka was away when it was to be told: only that is left.
            await self._finish(reply, *self._results[reply.id])
            return
        # What comes back weeks later as a bounce has to find its item: workers/bounces.py.
        await self._redis.set(f"{SENT}{reply.id}", sent(reply), px=_KEEP_MS)
        begun = f"santral:reply-begun:{reply.id}"
        await self._redis.set(begun, self._token, nx=True, px=_KEEP_MS)
        if await self._redis.get(begun) != self._token.encode():
            await self._finish(reply, "undeliverable", "unconfirmed: a crash while sending")
            return
        if await self._looping(reply):
            metrics.count("santral_replies_suppressed_total", reason="loop_guard")
            await self._finish(reply, "undeliverable", "reply.loop")
            return
        try:
            kind, detail = await self._send(reply, action)
        except Retry:
            await self._redis.delete(begun)
            raise
        await self._finish(reply, kind, detail)

    async def _send(self, reply: Reply, action: Action) -> tuple[OutcomeKind, str]:
        """Return the reply's result; raise Retry to send it later.

        A fault of ours may come after the other side took the reply, which therefore never goes
        out twice.
        """
        with guard(log, STEP, passes=(Retry,), id=reply.id, action=action.name):
            try:
                account = self._account(action, reply)
                detail = await action.send(reply, account, self._settings.tokens.signing.encode())
            except Rejected as error:
                return "undeliverable", str(error)
            except Unconfirmed as error:
                return "undeliverable", f"unconfirmed: {error}"
            return "delivered", detail
        return "undeliverable", str(Rejected("reply.bug"))

    async def _looping(self, reply: Reply) -> bool:
        address = reply.reply_to or reply.recipient.handle("email") or reply.conversation
        # Tries are not answers: each reply counts once, however often it has to wait.
        counted = f"santral:reply-counted:{reply.id}"
        if not await self._redis.set(counted, b"1", nx=True, px=_KEEP_MS):
            return False
        sent = await self._count(keys=[f"santral:sent-to:{address}"], args=[_HOUR_MS])
        return int(sent) > self._settings.replies.per_address_per_hour

    def _account(self, action: Action, reply: Reply) -> Any:
        name = reply.source.split(":")[1] if ":" in reply.source else ""
        tables = self._settings.actions.get(action.name, {})
        accounts = self._settings.channels.get(action.channel, {})
        channel = accounts.get(name, {})
        # Another account's token would answer in another's name.
        alone = not action.shares or len(accounts) < 2
        # A form or a note has an account of its own name: its answer goes by the only mail account.
        only = next(iter(tables.values())) if len(tables) == 1 else None
        table = tables.get(name) or ((tables.get("default") or only) if alone else None) or {}
        shared = {k: channel[k] for k in action.shares if k in channel}
        where = f"actions.{action.name}"
        return section(action.account, {**shared, **table}, "santral.toml", where, [])

    async def _finish(self, reply: Reply, kind: OutcomeKind, said: str) -> None:
        self._results[reply.id] = (kind, said)
        await self._tell(reply, kind, said)
        await self._claims.done(reply.id)
        self._results.pop(reply.id, None)

    async def _tell(self, reply: Reply, kind: OutcomeKind, said: str) -> None:
        metrics.count("santral_replies_sent_total", channel=reply.channel, result=kind)
        outcome = Outcome(
            id=derived_id("outcome", reply.id, kind), kind=kind, brand=reply.brand,
            conversation=reply.conversation, item=reply.item, department=reply.department,
            messages=(reply.message,), at=self._clock.now(), reason=said, reply=reply.id,
            text=reply.text if reply.kind == "acknowledgement" else "",
        )  # fmt: skip
        await self._publisher.publish(
            topics.OUTCOMES.name, outcome.conversation, outcome, identifier=outcome.id,
            source="santral/replies", time=outcome.at,
        )  # fmt: skip
