"""What came out of a cluster, against what its doors accepted and its agents did.

Before: tests/support/cluster/traffic.py stopped. After: a list of findings, empty when every promise holds.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from runtime.bus.readers import read_to_end
from runtime.settings.structs import KafkaSettings
from schemas import envelope, topics
from schemas.decision import WorkItem
from schemas.outcome import Outcome, closed_messages
from schemas.routing.departments import DEFAULT
from schemas.topics import queue_topics
from tests.support.cluster.cluster import Cluster
from tests.support.cluster.traffic import Sightings


async def work_items(kafka: KafkaSettings) -> list[WorkItem]:
    """Return every item of every queue."""
    batches = [batch async for batch in read_to_end(kafka, queue_topics(DEFAULT))]
    return [envelope.decode(WorkItem, record.value) for batch in batches for record in batch]


async def outcomes(kafka: KafkaSettings) -> dict[str, Outcome]:
    """Return every outcome by its id: written twice is once."""
    batches = [batch async for batch in read_to_end(kafka, [topics.OUTCOMES.name])]
    records = [envelope.decode(Outcome, record.value) for batch in batches for record in batch]
    return {outcome.id: outcome for outcome in records}


def first_visits(items: Sequence[WorkItem]) -> list[WorkItem]:
    """Return each message's first item, in the order of the queues.

    A follow-up in a conversation that was moved before has more than 0 hops at its first visit.
    """
    least: dict[str, int] = {}
    for item in items:
        hops = least.get(item.message.id, item.decision.hops)
        least[item.message.id] = min(hops, item.decision.hops)
    return [item for item in items if item.decision.hops == least[item.message.id]]


def road_findings(items: Sequence[WorkItem], seen: Sightings) -> list[str]:
    """Return what the road lost, doubled or put out of order."""
    visits = Counter((item.message.id, item.decision.hops) for item in items)
    lost = seen.accepted.keys() - {message for message, _ in visits}
    doubled = [visit for visit, times in visits.items() if times > 1]
    lines: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for item in first_visits(items):
        if item.message.id in seen.accepted:
            conversation, step = seen.accepted[item.message.id]
            lines[conversation, item.decision.department].append(step)
    unordered = [key for key, steps in lines.items() if steps != sorted(steps)]
    return _named({"lost": lost, "doubled": doubled, "out of order": unordered})


def desk_findings(records: dict[str, Outcome], seen: Sightings) -> list[str]:
    """Return what two agents were both confirmed to have closed, and acts without a record.

    The first outcome of a partition that closes a message at its hops counts; a later one is
    superseded, and its agent must not get a 200 for it.
    """
    closers: dict[tuple[str, int], str] = {}
    superseded: set[str] = set()
    for outcome in records.values():
        closed = closed_messages(outcome)
        if any(visit in closers for visit in closed):
            superseded.add(outcome.id)
        else:
            closers.update(dict.fromkeys(closed, outcome.id))
    return _named(
        {
            "confirmed though another act was first": superseded & seen.closed.keys(),
            "confirmed without a record": seen.closed.keys() - records.keys(),
        }
    )


def mail_findings(
    records: dict[str, Outcome], seen: Sightings, answers: Counter[str], welcomed: Counter[str]
) -> list[str]:
    """Return the answers and acknowledgements that left twice, or not at all.

    An answer may be missing where its outcome is `undeliverable`: a person was then called.
    """
    failed = {o.item for o in records.values() if o.kind == "undeliverable"}
    lost = [t for t in seen.answers if not answers[t] and t.removeprefix("Cevap ") not in failed]
    twice = [text for text, times in answers.items() if times > 1]
    unclear = {o.messages[0] for o in records.values() if o.kind == "undeliverable"}
    silent = seen.mailed - welcomed.keys()
    welcomed_twice = [address for address, times in welcomed.items() if times > 1]
    return _named(
        {
            "answers lost": lost,
            "answers sent twice": twice,
            "customers without an acknowledgement": silent if len(silent) > len(unclear) else set(),
            "customers acknowledged twice": welcomed_twice,
        }
    )


async def findings(cluster: Cluster, seen: Sightings) -> list[str]:
    """Return every broken promise of a cluster at rest."""
    records = await outcomes(cluster.kafka)
    answers: Counter[str] = sum((s.answers for s in cluster.mail.values()), Counter())
    welcomed: Counter[str] = sum((s.acknowledged for s in cluster.mail.values()), Counter())
    return [
        *road_findings(await work_items(cluster.kafka), seen),
        *desk_findings(records, seen),
        *mail_findings(records, seen, answers, welcomed),
        *seen.wrong[:5],
    ]


def _named(found: dict[str, Any]) -> list[str]:
    """Return one line for each kind of finding that has any."""
    return [
        f"{len(things)} {kind}, first {next(iter(things))}"
        for kind, things in found.items()
        if things
    ]
