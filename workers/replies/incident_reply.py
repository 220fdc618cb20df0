"""Sends the holding text of an answered incident to its customers, each conversation once.

Before: a person answered an incident (incidents.v1); the recorder has its messages in the store.
After: replies.v1 and outcomes.v1, as if each had been answered at the desk. The ids are made of
incident, conversation and text: whatever is done twice is done once.
"""

import asyncio
import os
from datetime import timedelta
from hashlib import sha256

import msgspec
from sqlalchemy import Connection, Engine, text

from runtime import metrics
from runtime.bus.bus import Publisher
from runtime.bus.following import Lag, follow
from runtime.clock import Clock
from runtime.health.faults import guard
from runtime.log import get
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.base import derived_id
from schemas.decision import Decision
from schemas.errors import Rejected, Retry
from schemas.incident import ENDED, Incident, whole
from schemas.message import Message
from schemas.outcome import Outcome
from workers.replies.checks import check_reply_allowed
from workers.replies.compose import compose_reply
from workers.store import incidents

log = get(__name__)

GROUP = "santral-holding"
_LATER_S = 1.0
_LOOK_S = 0.3
_PATIENCE_S = 30.0
_OLD = timedelta(days=1)


def holding_text(incident: Incident, language: str) -> str:
    """Return the holding text for a customer of that language: both texts when it is unknown, the
    only one there is to everybody."""
    turkish, english = incident.text_tr, incident.text_en
    if language == "tr":
        return turkish or english
    if language == "en":
        return english or turkish
    return f"{turkish}\n\n---\n\n{english}" if turkish and english else turkish or english


class IncidentResponder:
    """Follows incidents.v1; what an incident is by now is asked of the store."""

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
            each=self._one,
        )

    async def _one(self, value: bytes | None) -> None:
        try:
            record = envelope.decode(Incident, value)
        except Rejected as error:
            log.warning("record.undecodable", topic=topics.INCIDENTS.name, text=error.text)
            return
        if self._clock.now() - record.at > _OLD:
            return  # nobody waits for the holding text of last week
        if record.status == "answered" or record.messages:
            await self._answer(record)

    async def _answer(self, record: Incident) -> None:
        """Send the holding text of an answered incident to all members, or to those that a record
        adds, if later ones are to have it."""
        until = self._clock.monotonic() + _PATIENCE_S
        while True:
            known, found, missing = await asyncio.to_thread(self.due, record)
            if not missing:
                break
            if self._clock.monotonic() > until:
                # The recorder is behind or away: begin again with this record.
                raise Retry(_LATER_S, f"{missing} of an incident are not in the store yet")
            await asyncio.sleep(_LOOK_S)
        sent = 0
        for message, decision in found:
            # A fault with one customer must not stop the holding text to the others.
            with guard(log, GROUP, message=message.id, incident=known.id):
                sent += await self._send(known, message, decision)
        if sent:
            log.info("incident.answered", id=known.id, conversations=sent, agent=known.agent)

    def due(self, record: Incident) -> tuple[Incident, list[tuple[Message, Decision]], int]:
        """Return the incident, the newest message of each conversation to be answered with its
        decision, and how much of it is not in the store yet."""
        with self._engine.connect() as connection:
            there = connection.execute(
                text("SELECT 1 FROM incidents WHERE id = :i AND at_ms = :a AND status = :s"),
                {"i": record.id, "a": int(record.at.timestamp() * 1000), "s": record.status},
            ).first()
            if there is None:
                return record, [], 1  # what was said before it may be missing, too
            if record.status == "answered":
                ids = {
                    str(row[0])
                    for part in incidents.parts(connection, record.id)
                    for row in connection.execute(_OF_INCIDENT, {"i": part})
                }
                return record, *_newest(connection, ids)
            known = whole(
                incidents.known(connection, record.id),
                lambda identifier: incidents.known(connection, identifier),
            )
            if known is None or not known.later or known.status in ENDED:
                return record, [], 0
            return known, *_newest(connection, set(record.messages))

    async def _send(self, incident: Incident, message: Message, decision: Decision) -> bool:
        said = holding_text(incident, decision.language)
        why = suppression_reason(message, decision)
        if why is None:
            try:
                check_reply_allowed(message, said, self._clock.now())
            except Rejected as error:
                why = error.code
        if why is not None:
            metrics.count("santral_replies_suppressed_total", reason=why)
            return False
        digest = sha256(said.encode()).hexdigest()[:16]
        identifier = derived_id("holding", incident.id, message.conversation, digest)
        reply = msgspec.structs.replace(
            compose_reply(message, decision, identifier, said, self._clock.now()),
            agent=incident.agent,
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
            text=said,
            reason=f"incident {incident.id}",
            reply=identifier,
        )
        await self._publisher.publish(topics.OUTCOMES, outcome, source="santral/holding")
        metrics.count("santral_outcomes_written_total", kind=outcome.kind)
        return True


def suppression_reason(message: Message, decision: Decision) -> str | None:
    """Return why nothing may be sent to many at once for a message, None when it may."""
    if message.automatic is not None or message.event is not None:
        return "machine"
    if "no_automatic_answer" in message.flags:
        return "no_automatic_answer"
    if "new_participant" in decision.flags:
        return "new_participant"
    return None


def _newest(connection: Connection, ids: set[str]) -> tuple[list[tuple[Message, Decision]], int]:
    """Return the newest of these messages in each conversation that is not resolved, with its
    decision; and how many are not in the store yet."""
    newest: dict[str, tuple[Message, Decision]] = {}
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
            held = newest.get(message.conversation)
            if held is None or message.received_at > held[0].received_at:
                newest[message.conversation] = message, decision
    done = {
        conversation
        for conversation in newest
        if connection.execute(_LAST, {"c": conversation}).scalar() == "resolved"
    }
    return [pair for conversation, pair in newest.items() if conversation not in done], missing


_OF_INCIDENT = text("SELECT message FROM incident_messages WHERE incident = :i")
_LAST = text(
    "SELECT kind FROM outcomes WHERE conversation = :c AND kind IN ('resolved', 'reopened') "
    "ORDER BY at_ms DESC LIMIT 1"
)
