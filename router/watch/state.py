"""The memory of the watch: the rates, the incidents, and the times to read from after a restart.

app.py gives it the records of the topics, and run.py publishes its incidents and rates. A record
that meets a fault costs only itself.
"""

import time
from collections.abc import Iterable
from typing import TypeVar

from router.incidents.observation import observe
from router.incidents.tracker import IncidentTracker, TrackerOptions
from router.watch.minute_rates import MAX_MINUTES, CountedDecision, MinuteRates
from router.watch.watermark import Watermark
from runtime import log as logs
from runtime.bus.readers import read_to_end
from runtime.health.faults import guard
from runtime.settings.structs import Settings, WatchSettings
from runtime.unknown_words import is_known
from schemas import envelope, topics
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.errors import Rejected
from schemas.incident import READ_BACK, Incident, Pulse

log = logs.get(__name__)
R = TypeVar("R", bound=Record)

STEP = "watch"
"""The watch in `santral_bugs_caught_total`."""

_OVERLAP_S = 60.0
"""incidents.v1 is read from this long before the start, because its writers have other clocks."""


def _decode(struct: type[R], value: bytes | None) -> R | None:
    """Return the content of a record; None, and a line in the log, for an invalid one."""
    try:
        return envelope.decode(struct, value)
    except Rejected as error:
        log.warning("record.undecodable", kind=struct.__name__, text=error.text)
        return None


def _decode_incident(value: bytes | None) -> Incident | None:
    """Return an incident's record; None for an invalid one, and for one with an unknown status."""
    record = _decode(Incident, value)
    return record if record is not None and is_known(topics.INCIDENTS, record) else None


def _tracker_options(settings: WatchSettings) -> TrackerOptions:
    return TrackerOptions(
        min_customers=settings.customers,
        min_score=settings.score,
        min_messages=settings.learn,
        quiet_s=settings.quiet.total_seconds(),
    )


class WatchState:
    """The rates and the incidents of the records read so far."""

    def __init__(self, settings: Settings) -> None:
        self.rates = MinuteRates()
        self.watermark = Watermark()
        self.incidents = IncidentTracker(_tracker_options(settings.watch))
        self._began_at = time.time()

    async def restore(self, settings: Settings) -> None:
        """Read the pulses and incidents from before the start."""
        pulses: list[Pulse] = []
        records: list[Incident] = []
        async for batch in read_to_end(settings.kafka, [topics.PULSES.name]):
            pulses += [p for r in batch if (p := _decode(Pulse, r.value)) is not None]
        since = int((self._began_at - READ_BACK.total_seconds()) * 1000)
        async for batch in read_to_end(settings.kafka, [topics.INCIDENTS.name], since):
            records += [i for r in batch if (i := _decode_incident(r.value)) is not None]
        self.remember(pulses, records)
        open_count = len(self.incidents.open_incidents())
        log.info("watch.restored", hours=len(pulses), incidents=open_count)

    def remember(self, pulses: Iterable[Pulse], records: Iterable[Incident]) -> None:
        """Restore earlier records one by one, so that a fault costs only its record."""
        for pulse in pulses:
            with guard(log, STEP, hour=str(pulse.hour)):
                self.incidents.restore((pulse,), ())
        for record in records:
            with guard(log, STEP, incident=record.id):
                self.incidents.restore((), (record,))

    def count_decision(self, value: bytes | None, partition: int, offset: int) -> None:
        """Count a record of decisions.v1 in its minute."""
        decision = _decode(CountedDecision, value)
        if decision is not None:
            with guard(log, STEP, partition=partition, offset=offset):
                self.rates.count(partition, offset, decision)

    def see_item(self, value: bytes | None, partition: tuple[str, int], now: float) -> None:
        """Take a record of a queue for the incidents."""
        item = _decode(WorkItem, value)
        if item is None:
            return
        with guard(log, STEP, message=item.message.id):
            self.watermark.note(partition, item.decision.decided_at.timestamp(), now)
            observation = observe(item)
            if observation is not None:
                self.incidents.observe(observation)

    def apply_incident(self, value: bytes | None) -> None:
        """Take a person's verdict from incidents.v1."""
        record = _decode_incident(value)
        if record is not None and record.agent:
            with guard(log, STEP, incident=record.id):
                self.incidents.apply(record)

    def read_since(self, topic: str) -> float:
        """Return the time, in seconds, from which a topic is read when it is assigned."""
        now = time.time()
        if topic == topics.DECISIONS.name:
            return (now // 60 - MAX_MINUTES + 1) * 60
        if topic == topics.INCIDENTS.name:
            return self._began_at - _OVERLAP_S
        return self.incidents.replay_since(now)
