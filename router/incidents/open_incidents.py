"""The incidents that are open now, for the router: incidents.v1, read by every router process.

Before: the watch and people write it. After: decision/decide.py marks the messages that belong to
one. It is a broadcast, without a group: an incident reaches a router within a second, and changes
decisions from then on. What one decision knew of it is written in that decision.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from runtime.bus.client_settings import rdkafka_settings
from runtime.clock import Clock
from runtime.health.faults import guard
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from schemas import envelope, topics
from schemas.errors import Rejected
from schemas.incident import ENDED, READ_BACK, Incident, apply_record, resolve_merged

log = get(__name__)

STEP = "open_incidents"
"""This reader in `santral_bugs_caught_total`."""

_LOOK_S = 0.5
_START_S = 20.0
_REQUEST_S = 2.0
_AGAIN_S = 30.0  # between two attempts to begin
_LINE_INTERVAL_S = 60.0
STALE = timedelta(hours=6)
"""Without news for so long it is not open: the watch that would close it may be gone."""


def still_open(known: dict[str, Incident], now: datetime) -> tuple[Incident, ...]:
    """Return the open ones; what was merged has the id and the standing of what it is part of."""
    made = []
    for incident in known.values():
        main = None
        with guard(log, STEP, incident=incident.id):
            main = resolve_merged(incident, known.get)
        if main is None or main.status in ENDED or now - main.at > STALE:
            continue
        made.append(msgspec.structs.replace(main, signs=incident.signs, needed=incident.needed))
    return tuple(sorted(made, key=lambda i: (i.opened_at, i.id)))


class OpenIncidents:
    """The reader; `now` is what is open."""

    def __init__(self, kafka: KafkaSettings, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, Incident] = {}
        self._looked_at = self._tried_at = self._warned_at = float("-inf")
        self._assigned = self._ended = False
        self.now: tuple[Incident, ...] = ()
        self._consumer = Consumer(
            rdkafka_settings(
                kafka,
                **{
                    "group.id": "santral-router-incidents",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                    "enable.partition.eof": True,
                },
            )
        )

    def start(self) -> None:
        """Read what there is; without Kafka begin with no incident, and try again later."""
        self._assign()
        until = self._clock.monotonic() + _START_S
        while self._assigned and not self._ended and self._clock.monotonic() < until:
            self._take(self._consumer.consume(500, 0.2))
        self.now = still_open(self._known, self._clock.now())

    def look(self) -> bool:
        """Read what is new, now and then; say whether other incidents are open than before."""
        at = self._clock.monotonic()
        if at - self._looked_at < _LOOK_S:
            return False
        self._looked_at = at
        if not self._assigned and at - self._tried_at > _AGAIN_S:
            self._assign()
        self._take(self._consumer.consume(500, 0))
        found = still_open(self._known, self._clock.now())
        if found == self.now:
            return False
        self.now = found
        return True

    def stop(self) -> None:
        """Close the reader."""
        self._consumer.close()

    def _assign(self) -> None:
        """Begin to read where old incidents end, if Kafka answers."""
        self._tried_at = self._clock.monotonic()
        since = int((self._clock.now() - READ_BACK).timestamp() * 1000)
        place = TopicPartition(topics.INCIDENTS.name, 0, since)
        try:
            found = self._consumer.offsets_for_times([place], timeout=_REQUEST_S)
        except KafkaException as error:
            self._warn("incidents.unread", error.args[0].str())
            return
        if found[0].error is not None:
            self._warn("incidents.unread", found[0].error.str())
            return
        self._consumer.assign(found)
        self._assigned = True

    def _warn(self, event: str, why: str) -> None:
        """Log a warning, at most one a minute."""
        now = self._clock.monotonic()
        if now - self._warned_at >= _LINE_INTERVAL_S:
            self._warned_at = now
            log.warning(event, why=why)

    def _take(self, records: list[Any]) -> None:
        for record in records:
            error = record.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    self._ended = True
                else:
                    self._warn("incidents.delayed", error.str())
                continue
            try:
                told = envelope.decode(Incident, record.value())
            except Rejected as refusal:
                log.warning("record.undecodable", topic=record.topic(), text=refusal.text)
                continue
            with guard(log, STEP, incident=told.id):
                self._known[told.id] = apply_record(self._known.get(told.id), told)
