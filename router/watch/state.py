"""The memory of the watch: what it has counted, and where it begins to read after a restart.

Before: records of decisions.v1, the queues, incidents.v1 and pulses.v1. After: run.py publishes
incidents and rates. A record that makes the watch fail costs only itself.
"""

import time
from collections.abc import Iterable
from typing import TypeVar

from router.incidents.observation import sighting
from router.incidents.tracker import Incidents, Options
from router.watch.minute_rates import KEPT_MINUTES, Seen, Windows
from router.watch.watermark import Watermark
from runtime import log as logs
from runtime.bus.readers import read_to_end
from runtime.health.faults import guard
from runtime.settings.structs import Settings
from schemas import envelope, topics
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.errors import Rejected
from schemas.incident import READ_BACK, Incident, Pulse

log = logs.get(__name__)
R = TypeVar("R", bound=Record)

STEP = "watch"
"""The watch in `santral_bugs_caught_total`."""


def _decoded(struct: type[R], value: bytes | None) -> R | None:
    """Return what a record holds; None, and a line in the log, when that can't be told."""
    try:
        return envelope.decode(struct, value)
    except Rejected as error:
        log.warning("record.undecodable", kind=struct.__name__, text=error.text)
        return None


class State:
    """What the watch holds, and where it begins to read after a restart."""

    def __init__(self, settings: Settings) -> None:
        told = settings.watch
        self.windows = Windows()
        self.watermark = Watermark()
        self.incidents = Incidents(
            Options(
                customers=told.customers,
                score=told.score,
                learn=told.learn,
                quiet_s=told.quiet.total_seconds(),
            )
        )
        self._began_at = time.time()

    async def restore(self, settings: Settings) -> None:
        """Read what was told before: the usual, and the incidents."""
        pulses: list[Pulse] = []
        records: list[Incident] = []
        async for batch in read_to_end(settings.kafka, [topics.PULSES.name]):
            pulses += [p for r in batch if (p := _decoded(Pulse, r.value)) is not None]
        since = int((self._began_at - READ_BACK.total_seconds()) * 1000)
        async for batch in read_to_end(settings.kafka, [topics.INCIDENTS.name], since):
            records += [i for r in batch if (i := _decoded(Incident, r.value)) is not None]
        self.remember(pulses, records)
        log.info("watch.restored", hours=len(pulses), incidents=len(self.incidents.open()))

    def remember(self, pulses: Iterable[Pulse], records: Iterable[Incident]) -> None:
        """Take earlier records; a record that makes the watch fail costs only itself."""
        for pulse in pulses:
            with guard(log, STEP, hour=str(pulse.hour)):
                self.incidents.restore((pulse,), ())
        for record in records:
            with guard(log, STEP, incident=record.id):
                self.incidents.restore((), (record,))

    def count_decision(self, value: bytes | None, partition: int, offset: int) -> None:
        """Count a decision in its minute."""
        decision = _decoded(Seen, value)
        if decision is not None:
            with guard(log, STEP, partition=partition, offset=offset):
                self.windows.take(partition, offset, decision)

    def see_item(self, value: bytes | None, partition: tuple[str, int], now: float) -> None:
        """Take a record of a queue for the incidents."""
        item = _decoded(WorkItem, value)
        if item is None:
            return
        with guard(log, STEP, message=item.message.id):
            self.watermark.note(partition, item.decision.decided_at.timestamp(), now)
            observation = sighting(item)
            if observation is not None:
                self.incidents.see(observation)

    def apply_incident(self, value: bytes | None) -> None:
        """Take a person's verdict on an incident."""
        record = _decoded(Incident, value)
        if record is not None and record.agent:
            with guard(log, STEP, incident=record.id):
                self.incidents.apply(record)

    def since(self, topic: str) -> float:
        """Return from when on a topic is read at an assignment, in seconds."""
        now = time.time()
        if topic == topics.DECISIONS.name:
            return (now // 60 - KEPT_MINUTES + 1) * 60
        if topic == topics.INCIDENTS.name:
            return self._began_at - 60
        return self.incidents.since(now)
