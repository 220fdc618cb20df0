"""Lets the watch read simulated traffic, decided by the default rules, minute by minute."""

from dataclasses import dataclass
from datetime import UTC, datetime

from bench.incidents.traffic import BEGIN, SimulatedMessage
from router.decision.analysis import analyse
from router.decision.decide import decide_message
from router.decision.policy import Policy
from router.incidents.observation import Observation, observe
from router.incidents.tracker import IncidentTracker, TrackerOptions
from schemas.base import conversation_id, message_id
from schemas.decision import WorkItem
from schemas.incident import Incident, Pulse
from schemas.message import Handle, Message, Party

_BATCH = 2000
_STEP_S = 15.0
_KILL_INTERVAL_S = 6 * 3600


@dataclass(frozen=True)
class Observed:
    """An observation, and the number of the cause behind it, if any."""

    observation: Observation
    cause: int | None


@dataclass(frozen=True)
class WatchRun:
    """The records that the watch published, and how often it was killed."""

    records: list[Incident | Pulse]
    kills: int


def observe_all(simulated: list[SimulatedMessage], policy: Policy) -> list[Observed]:
    """Return the observations of the messages, after the decision on each."""
    observed: list[Observed] = []
    for begin in range(0, len(simulated), _BATCH):
        batch = simulated[begin : begin + _BATCH]
        messages = [_message(number, entry) for number, entry in enumerate(batch, begin)]
        analyses = analyse(messages, policy)
        for entry, message, analysis in zip(batch, messages, analyses, strict=True):
            # Each message has a conversation of its own, which has no state yet.
            result = decide_message(message, None, policy, BEGIN, analysis)
            assert result.item is not None
            item = WorkItem(message=message, decision=result.decision, due=result.item.due)
            observation = observe(item)
            if observation is not None:
                observed.append(Observed(observation, entry.cause))
    return observed


def _message(number: int, simulated: SimulatedMessage) -> Message:
    return Message(
        id=message_id("api", "bench", str(number)),
        brand="bench",
        channel="api",
        source="api:bench",
        native_id=str(number),
        kind="form",
        text=simulated.text,
        conversation=conversation_id("bench", "api", str(number)),
        sender=Party(handles=(Handle(kind="handle", value=f"customer-{number}"),)),
        full_text=simulated.text,
        received_at=datetime.fromtimestamp(simulated.written_at, UTC),
    )


def run_watch(observed: list[Observed], options: TrackerOptions, with_kills: bool) -> WatchRun:
    """Play the observations; with kills the watch restarts from its records every six hours."""
    records: list[Incident | Pulse] = []
    tracker, kills, index = IncidentTracker(options), 0, 0
    now = observed[0].observation.written_at
    next_kill = now + _KILL_INTERVAL_S
    while index < len(observed):
        while index < len(observed) and observed[index].observation.written_at <= now:
            tracker.observe(observed[index].observation)
            index += 1
        tracker.advance(now)
        records += tracker.unpublished
        tracker.unpublished.clear()
        if with_kills and now >= next_kill:
            kills, next_kill = kills + 1, now + _KILL_INTERVAL_S
            tracker = IncidentTracker(options)
            tracker.restore(
                [record for record in records if isinstance(record, Pulse)],
                [record for record in records if isinstance(record, Incident)],
            )
            since = tracker.replay_since(now)
            while index and observed[index - 1].observation.written_at >= since:
                index -= 1
        now += _STEP_S
    return WatchRun(records, kills)
