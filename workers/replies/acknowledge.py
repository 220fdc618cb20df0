"""Acknowledges mail, so that each person who writes one learns once a day that it arrived.

It reads queue.<department>.v1 and writes replies.v1. The loop guard applies to the mails that we
send, and never to intake. Machines, lists and people who asked for silence get no answer. Redis
decides between processes, and replies.v1 has the earlier acknowledgements if Redis was emptied.
"""

import asyncio
import os
import re
from datetime import timedelta

import msgspec
from redis.asyncio import Redis

from runtime import metrics
from runtime.bus.following import Lag, follow
from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from runtime.log import get
from runtime.redis.claims import AWAY, Claims
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.base import derived_id
from schemas.decision import WorkItem
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Rejected, Retry
from schemas.message import Message
from schemas.outcome import Reply
from schemas.topics import queue_topics
from workers.replies.compose import compose_reply
from workers.replies.sent_acknowledgements import SentAcknowledgements
from workers.replies.templates import acknowledgement

log = get(__name__)

GROUP = "santral-acknowledge"
_MAX_AGE = timedelta(days=1)
"""Older mail comes from a mailbox that is read for the first time."""
_EPOCH_KEY = "santral:acknowledged-epoch"
"""A key that vanishes with the claims when Redis is emptied."""
_GRACE_S = 2.0
"""After Redis was emptied, other processes publish within this time what they claimed before."""
_OLD_CLAIM_S = 1.0
"""A process renews an older claim before it publishes, because Redis may have been emptied since,
and another process may have claimed the address."""
_SILENT = re.compile(
    r"^(no-?_?reply|do-?_?not-?_?reply|mailer-daemon|postmaster|bounce|owner-)|-request@|-bounces?@",
    re.IGNORECASE,
)


def acknowledgement_address(work: WorkItem) -> str | None:
    """Return the address for the acknowledgement, or None if the mail gets none."""
    message, decision = work.message, work.decision
    address = message.reply_to or message.sender.handle("email")
    if (
        message.channel != "email"
        or decision.hops
        or decision.action not in ("queue", "triage")
        or message.automatic is not None
        or "no_automatic_answer" in message.flags
        or "spam" in decision.flags
        or not address
        or _SILENT.search(address)
        or _is_old(message)
    ):
        return None
    return address


def _is_old(message: Message) -> bool:
    """Say whether a message was written long before it came."""
    return message.sent_at is not None and message.received_at - message.sent_at > _MAX_AGE


class Acknowledger:
    """Reads the queues and writes acknowledgements."""

    def __init__(
        self, settings: Settings, redis: "Redis[bytes]", publisher: Publisher, clock: Clock
    ) -> None:
        self._settings, self._publisher, self._clock = settings, publisher, clock
        self.lag = Lag("acknowledge lag")
        once = int(settings.replies.acknowledge_once_in.total_seconds() * 1000)
        self._redis = redis
        self._claims = Claims(redis, "santral:acknowledged:", once, once)
        self._sent = SentAcknowledgements(
            settings.kafka, settings.replies.acknowledge_once_in, self.lag
        )

    async def run(self) -> None:
        """Acknowledge until cancelled."""
        try:
            await follow(
                self._settings.kafka,
                *queue_topics(self._settings.departments),
                group=GROUP,
                client_id=f"santral-acknowledge-{os.getpid()}",
                lag=self.lag,
                most=500,
                each=self._acknowledge,
            )
        finally:
            await self._sent.stop()

    async def _acknowledge(self, value: bytes | None) -> None:
        try:
            work = envelope.decode(WorkItem, value)
        except Rejected as error:
            log.warning("record.undecodable", text=error.text)
            return
        address = acknowledgement_address(work)
        if address is None or not self._can_send(work.message.source):
            return
        reply = self._reply(work)
        if not await self._claim(address, work.message):
            metrics.count("santral_replies_suppressed_total", reason="once_a_day")
            return
        if self._sent.has_reply(reply.id):
            return  # this process, or another, published it before a crash
        await self._publisher.publish(topics.REPLIES, reply, source="santral/acknowledge")

    async def _claim(self, address: str, message: Message) -> bool:
        """Say whether the address gets its acknowledgement of the day for this message.

        The claim's token is the message's id, so a redelivery finds its own claim.
        """
        began_s = self._clock.monotonic()
        try:
            if await self._claims.claim(address, message.id) == "BUSY":
                return False
            if not await self._redis.exists(_EPOCH_KEY):
                await asyncio.sleep(_GRACE_S)
                await self._redis.set(_EPOCH_KEY, b"1")
            await self._sent.catch_up(self._clock.now(), message.received_at)
            is_old_claim = self._clock.monotonic() - began_s > _OLD_CLAIM_S
            if is_old_claim and await self._claims.claim(address, message.id) == "BUSY":
                return False
        except AWAY as error:
            raise Retry(NEIGHBOUR_S, "Redis is away") from error
        own = self._sent.has_reply(_reply_id(message))
        return own or not self._sent.has_address(address, self._clock.now())

    def _can_send(self, source: str) -> bool:
        """Say whether the account has a mail server, because we promise nothing without one."""
        tables = self._settings.action_accounts("reply_email")
        account = source.partition(":")[2]
        return bool((tables.get(account) or tables.get("default") or {}).get("host"))

    def _reply(self, work: WorkItem) -> Reply:
        message, decision = work.message, work.decision
        level = self._settings.departments[decision.department]
        due = work.due.first_response.strftime("%d.%m.%Y %H:%M UTC")
        text = acknowledgement(decision.language, level.title_tr, level.title_en, due)
        reply = compose_reply(message, decision, _reply_id(message), text, self._clock.now())
        return msgspec.structs.replace(reply, kind="acknowledgement", by="acknowledgement")


def _reply_id(message: Message) -> str:
    """Return the id of a message's acknowledgement."""
    return derived_id("acknowledgement", message.id)
