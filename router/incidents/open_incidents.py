"""The router's view of the open incidents, which every router process reads from incidents.v1.

The watch and people write that topic. Every router reads all of it, outside of consumer groups, so
an incident changes decisions within a second. A decision records the incident that it used.
"""

from datetime import datetime, timedelta

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime.bus.client_settings import rdkafka_settings
from runtime.clock import Clock
from runtime.health.faults import guard
from runtime.log import get
from runtime.settings.structs import KafkaSettings
from runtime.unknown_words import is_known
from schemas import envelope, topics
from schemas.errors import Rejected
from schemas.incident import ENDED, READ_BACK, Incident, apply_record, resolve_merged

log = get(__name__)

STEP = "open_incidents"
"""This reader in `santral_bugs_caught_total`."""

_POLL_INTERVAL_S = 0.5
"""An incident changes decisions within a second."""

_START_LIMIT_S = 20.0
"""A router starts without the incidents if Kafka does not deliver them within this time."""

_REQUEST_LIMIT_S = 2.0
_ASSIGN_RETRY_S = 30.0
_LINE_INTERVAL_S = 60.0
STALE_AFTER = timedelta(hours=6)
"""An incident without a record for this long counts as ended, because the watch that would close it
may be down."""


def select_open(incidents: dict[str, Incident], now: datetime) -> tuple[Incident, ...]:
    """Return the open incidents, sorted by when they opened.

    A merged incident keeps its own signs, and has the rest from the incident it was merged into.
    """
    selected = []
    for incident in incidents.values():
        main = None
        with guard(log, STEP, incident=incident.id):
            main = resolve_merged(incident, incidents.get)
        if main is None or main.status in ENDED or now - main.at > STALE_AFTER:
            continue
        selected.append(msgspec.structs.replace(main, signs=incident.signs, needed=incident.needed))
    return tuple(sorted(selected, key=lambda incident: (incident.opened_at, incident.id)))


class OpenIncidents:
    """A reader of incidents.v1; `current` are the incidents that are open."""

    def __init__(self, kafka: KafkaSettings, clock: Clock) -> None:
        self._clock = clock
        self._incidents: dict[str, Incident] = {}
        self._polled_at = self._assign_tried_at = self._warned_at = float("-inf")
        self._is_assigned = self._has_reached_end = False
        self.current: tuple[Incident, ...] = ()
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
        """Read the topic to its end; without Kafka start with no incident and retry later."""
        self._assign()
        deadline = self._clock.monotonic() + _START_LIMIT_S
        while (
            self._is_assigned and not self._has_reached_end and self._clock.monotonic() < deadline
        ):
            self._apply(self._consumer.consume(500, 0.2))
        self.current = select_open(self._incidents, self._clock.now())

    def refresh(self) -> bool:
        """Read new records, twice a second at most; say whether `current` has changed."""
        now = self._clock.monotonic()
        if now - self._polled_at < _POLL_INTERVAL_S:
            return False
        self._polled_at = now
        if not self._is_assigned and now - self._assign_tried_at > _ASSIGN_RETRY_S:
            self._assign()
        self._apply(self._consumer.consume(500, 0))
        current = select_open(self._incidents, self._clock.now())
        if current == self.current:
            return False
        self.current = current
        return True

    def stop(self) -> None:
        """Close the reader."""
        self._consumer.close()

    def _assign(self) -> None:
        """Start to read READ_BACK ago, if Kafka answers."""
        self._assign_tried_at = self._clock.monotonic()
        since = int((self._clock.now() - READ_BACK).timestamp() * 1000)
        wanted = TopicPartition(topics.INCIDENTS.name, 0, since)
        try:
            offsets = self._consumer.offsets_for_times([wanted], timeout=_REQUEST_LIMIT_S)
        except KafkaException as error:
            self._warn("incidents.unread", error.args[0].str())
            return
        if offsets[0].error is not None:
            self._warn("incidents.unread", offsets[0].error.str())
            return
        self._consumer.assign(offsets)
        self._is_assigned = True

    def _warn(self, event: str, reason: str) -> None:
        """Log a warning, at most one a minute."""
        now = self._clock.monotonic()
        if now - self._warned_at >= _LINE_INTERVAL_S:
            self._warned_at = now
            log.warning(event, why=reason)

    def _apply(self, records: list[Message]) -> None:
        for record in records:
            error = record.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    self._has_reached_end = True
                else:
                    self._warn("incidents.delayed", error.str())
                continue
            try:
                update = envelope.decode(Incident, record.value())
            except Rejected as rejection:
                log.warning("record.undecodable", topic=record.topic(), text=rejection.text)
                continue
            if not is_known(topics.INCIDENTS, update):
                continue
            with guard(log, STEP, incident=update.id):
                self._incidents[update.id] = apply_record(self._incidents.get(update.id), update)
