"""Bounces of our own replies: each becomes an outcome `undeliverable` of its conversation.

Before: messages.v1 has the bounce; its parser found our Message-ID in the mail that came back.
After: outcomes.v1, so that the desk and the conversation's history tell that the answer never
arrived. The outcome's id is the bounce's: read twice it is written once.
"""

import os

import msgspec
from redis.asyncio import Redis

from runtime.bus import Lag, Publisher, follow
from runtime.claims import AWAY
from runtime.clock import Clock
from runtime.log import get
from runtime.settings import Settings
from schemas import envelope, token, topics
from schemas.base import derived_id
from schemas.decision import TRIAGE
from schemas.errors import Rejected, Retry
from schemas.message import Message
from schemas.outcome import Outcome
from workers.replies import SENT, Sent

log = get(__name__)

GROUP = "santral-bounces"


class Bounces:
    """The loop: messages in, outcomes out."""

    def __init__(
        self, settings: Settings, redis: "Redis[bytes]", publisher: Publisher, clock: Clock
    ) -> None:
        self._settings, self._redis = settings, redis
        self._publisher, self._clock = publisher, clock
        self._key = settings.tokens.signing.encode()
        self.lag = Lag("bounces lag")

    async def run(self) -> None:
        """Follow messages.v1 until cancelled."""
        await follow(
            self._settings.kafka, topics.MESSAGES.name, group=GROUP,
            client_id=f"santral-bounces-{os.getpid()}", lag=self.lag, most=2000, each=self._one,
        )  # fmt: skip

    async def _one(self, value: bytes | None) -> None:
        # Almost none is a bounce: the word is looked for before JSON is read.
        if b'"bounce"' not in (value or b""):
            return
        try:
            message = envelope.decode(Message, value)
        except Rejected:
            return  # the router buries it
        bounce = message.automatic.bounce if message.automatic else None
        reply = token.reply_of(self._key, bounce.original or "") if bounce else None
        if bounce is None or reply is None or bounce.delayed:
            return  # not ours, or its server still tries
        sent = await self._sent(reply, message)
        outcome = Outcome(
            id=derived_id("outcome", message.id, "undeliverable"), kind="undeliverable",
            brand=message.brand, conversation=message.conversation, item=sent.item,
            department=sent.department, messages=(sent.message,), at=self._clock.now(), reply=reply,
            reason=f"came back from {bounce.recipient or 'its recipient'}: {bounce.reason}"[:500],
        )  # fmt: skip
        await self._publisher.publish(
            topics.OUTCOMES.name, outcome.conversation, outcome, identifier=outcome.id,
            source="santral/bounces", time=outcome.at,
        )  # fmt: skip
        log.info("reply.returned", reply=reply, conversation=message.conversation)

    async def _sent(self, reply: str, message: Message) -> Sent:
        """Return where the reply belongs; what was forgotten is triage's."""
        try:
            held = await self._redis.get(f"{SENT}{reply}")
        except AWAY as error:
            raise Retry(1, "Redis is away") from error
        if held is None:
            return Sent(item=message.id, department=TRIAGE, message=message.id)
        return msgspec.json.decode(held, type=Sent)
