"""Sends the holding text of an answered incident to its customers, once to each conversation.

A person answers an incident in incidents.v1, and the recorder has its messages in the store.
replies.v1 and outcomes.v1 then get the same records as for an answer at the desk. The ids derive
from incident, conversation and text, so a repetition changes nothing.
"""

import asyncio
import os
from datetime import timedelta
from hashlib import sha256

import msgspec
from sqlalchemy import Connection, Engine, text

from runtime import metrics
from runtime.bus.following import Lag, follow
from runtime.bus.publisher import Publisher
from runtime.clock import Clock
from runtime.health.faults import guard
from runtime.log import get
from runtime.settings.structs import Settings
from runtime.unknown_words import is_known
from schemas import envelope, topics
from schemas.base import derived_id
from schemas.decision import Decision
from schemas.errors import Rejected, Retry
from schemas.incident import ENDED, Incident, resolve_merged
from schemas.message import Message
from schemas.outcome import Outcome
from workers.replies.checks import check_reply_allowed
from workers.replies.compose import compose_reply
from workers.replies.resolved_messages import ResolvedMessages, read_resolved
from workers.store import incidents

log = get(__name__)

GROUP = "santral-holding"
_RETRY_DELAY_S = 1.0
"""The pause before a record is read again."""
_STORE_INTERVAL_S = 0.3
"""The pause between questions to the store, which is a second or two behind Kafka."""
_STORE_TIMEOUT_S = 30.0
"""After this time the recorder counts as away."""
_MAX_AGE = timedelta(days=1)
"""No customer waits for the holding text of an older record."""


def holding_text(incident: Incident, language: str) -> str:
    """Return an incident's holding text in a language, or both texts if the language is unknown.

    If the incident has one text, every customer gets it.
    """
    turkish, english = incident.text_tr, incident.text_en
    if language == "tr":
        return turkish or english
    if language == "en":
        return english or turkish
    return f"{turkish}\n\n---\n\n{english}" if turkish and english else turkish or english


class IncidentResponder:
    """Follows incidents.v1, and reads the present state of an incident from the store."""

    def __init__(
        self, settings: Settings, engine: Engine, publisher: Publisher, clock: Clock
    ) -> None:
        self._settings, self._engine = settings, engine
        self._publisher, self._clock = publisher, clock
        self.lag = Lag("holding lag")

    async def run(self) -> None:
        """Answer until cancelled."""
        await follow(
            self._settings.kafka,
            topics.INCIDENTS.name,
            group=GROUP,
            client_id=f"santral-holding-{os.getpid()}",
            lag=self.lag,
            most=20,
            each=self._take,
        )

    async def _take(self, value: bytes | None) -> None:
        try:
            record = envelope.decode(Incident, value)
        except Rejected as error:
            log.warning("record.undecodable", topic=topics.INCIDENTS.name, text=error.text)
            return
        if not is_known(topics.INCIDENTS, record) or self._clock.now() - record.at > _MAX_AGE:
            return
        if record.status == "answered" or record.messages:
            await self._answer(record)

    async def _answer(self, record: Incident) -> None:
        """Send the holding text of an answered incident to all its customers.

        A later record of the incident sends it to the customers that it adds, if the person who
        answered wanted that.
        """
        until = self._clock.monotonic() + _STORE_TIMEOUT_S
        while True:
            incident, answerable, missing = await asyncio.to_thread(self.find_answerable, record)
            if not missing:
                break
            if self._clock.monotonic() > until:
                # The recorder is behind or away, so this record is read again.
                raise Retry(_RETRY_DELAY_S, f"{missing} of an incident are not in the store yet")
            await asyncio.sleep(_STORE_INTERVAL_S)
        sent = 0
        for message, decision in answerable:
            # A fault with one customer must not stop the holding text to the others.
            with guard(log, GROUP, message=message.id, incident=incident.id):
                sent += await self._send(incident, message, decision)
        if sent:
            log.info("incident.answered", id=incident.id, conversations=sent, agent=incident.agent)

    def find_answerable(
        self, record: Incident
    ) -> tuple[Incident, list[tuple[Message, Decision]], int]:
        """Return the present incident, the messages to answer, and the number of missing ones.

        The messages are the newest of each conversation, each with its decision. A missing message
        is not in the store yet.
        """
        with self._engine.connect() as connection:
            row = connection.execute(
                text("SELECT 1 FROM incidents WHERE id = :i AND at_ms = :a AND status = :s"),
                {"i": record.id, "a": int(record.at.timestamp() * 1000), "s": record.status},
            ).first()
            if row is None:
                return record, [], 1  # earlier records may be missing, too
            if record.status == "answered":
                ids = {
                    str(row[0])
                    for merged in incidents.merged_ids(connection, record.id)
                    for row in connection.execute(_OF_INCIDENT, {"i": merged})
                }
                return record, *_newest(connection, ids)
            incident = resolve_merged(
                incidents.get(connection, record.id),
                lambda identifier: incidents.get(connection, identifier),
            )
            if incident is None or not incident.later or incident.status in ENDED:
                return record, [], 0
            return incident, *_newest(connection, set(record.messages))

    async def _send(self, incident: Incident, message: Message, decision: Decision) -> bool:
        body = holding_text(incident, decision.language)
        reason = suppression_reason(message, decision)
        if reason is None:
            try:
                check_reply_allowed(message, body, self._clock.now())
            except Rejected as error:
                reason = error.code
        if reason is not None:
            metrics.count("santral_replies_suppressed_total", reason=reason)
            return False
        digest = sha256(body.encode()).hexdigest()[:16]
        identifier = derived_id("holding", incident.id, message.conversation, digest)
        reply = msgspec.structs.replace(
            compose_reply(message, decision, identifier, body, self._clock.now()),
            agent=incident.agent,
            by="holding",
        )
        await self._publisher.publish(topics.REPLIES, reply, source="santral/holding")
        outcome = Outcome(
            id=derived_id("outcome", identifier, "replied"),
            kind="replied",
            brand=message.brand,
            conversation=message.conversation,
            item=message.id,
            department=decision.department,
            messages=(message.id,),
            hops=decision.hops,
            at=reply.at,
            agent=incident.agent,
            text=body,
            reason=f"incident {incident.id}",
            reply=identifier,
            by="holding",
        )
        await self._publisher.publish(topics.OUTCOMES, outcome, source="santral/holding")
        metrics.count("santral_outcomes_written_total", kind=outcome.kind)
        return True


def suppression_reason(message: Message, decision: Decision) -> str | None:
    """Return why a message gets no holding text, or None if it gets one."""
    if message.automatic is not None or message.event is not None:
        return "machine"
    if "no_automatic_answer" in message.flags:
        return "no_automatic_answer"
    if "new_participant" in decision.flags:
        return "new_participant"
    return None


def _newest(connection: Connection, ids: set[str]) -> tuple[list[tuple[Message, Decision]], int]:
    """Return the newest of these messages in each conversation that nobody resolved since.

    Each has its decision. The second value is the number of messages that the store lacks yet.
    """
    newest: dict[str, tuple[Message, Decision]] = {}
    resolved: dict[str, ResolvedMessages] = {}
    missing = 0
    for identifier in sorted(ids):
        row = connection.execute(
            text(
                "SELECT m.body, d.body FROM messages m JOIN decisions d ON d.message = m.id "
                "WHERE m.id = :id ORDER BY d.hops DESC LIMIT 1"
            ),
            {"id": identifier},
        ).first()
        if row is None:
            missing += 1
            continue
        with guard(log, GROUP, message=identifier):
            message = msgspec.json.decode(row[0], type=Message)
            decision = msgspec.json.decode(row[1], type=Decision)
            conversation = message.conversation
            if conversation not in resolved:
                resolved[conversation] = read_resolved(connection, conversation)
            if resolved[conversation].has(message):
                continue
            other = newest.get(conversation)
            if other is None or message.received_at > other[0].received_at:
                newest[conversation] = message, decision
    return list(newest.values()), missing


_OF_INCIDENT = text("SELECT message FROM incident_messages WHERE incident = :i")
