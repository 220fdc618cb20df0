"""The verdict on a cluster at rest: its records against what its doors accepted and agents did.

A verdict is a list of findings, which is empty when every promise holds.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

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
    batches = read_to_end(kafka, queue_topics(DEFAULT))
    return [envelope.decode(WorkItem, record.value) async for batch in batches for record in batch]


async def outcomes(kafka: KafkaSettings) -> dict[str, Outcome]:
    """Return every outcome by its id: written twice is once."""
    batches = read_to_end(kafka, [topics.OUTCOMES.name])
    records = [
        envelope.decode(Outcome, record.value) async for batch in batches for record in batch
    ]
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


def road_findings(items: Sequence[WorkItem], sightings: Sightings) -> list[str]:
    """Return what the road lost, doubled or put out of order."""
    visits = Counter((item.message.id, item.decision.hops) for item in items)
    lost = sightings.accepted.keys() - {message for message, _ in visits}
    doubled = [visit for visit, times in visits.items() if times > 1]
    lines: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for item in first_visits(items):
        if item.message.id in sightings.accepted:
            conversation, step = sightings.accepted[item.message.id]
            lines[conversation, item.decision.department].append(step)
    unordered = [key for key, steps in lines.items() if steps != sorted(steps)]
    return _name_findings({"lost": lost, "doubled": doubled, "out of order": unordered})


def desk_findings(records: dict[str, Outcome], sightings: Sightings) -> list[str]:
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
    return _name_findings(
        {
            "confirmed though another act was first": superseded & sightings.closed.keys(),
            "confirmed without a record": sightings.closed.keys() - records.keys(),
        }
    )


def lost_answers(
    records: dict[str, Outcome], sightings: Sightings, answers: Counter[str]
) -> dict[str, str]:
    """Return the answers that did not leave, each with its customer's address.

    An answer may be missing where its outcome is `undeliverable`: a person was then called.
    """
    failed = {o.item for o in records.values() if o.kind == "undeliverable"}
    return {
        text: address
        for text, address in sightings.answers.items()
        if not answers[text] and text.removeprefix("Cevap ") not in failed
    }


def silent_customers(
    records: dict[str, Outcome], sightings: Sightings, welcomed: Counter[str]
) -> set[str]:
    """Return the customers without an acknowledgement, if they are more than were given up."""
    unclear = {o.messages[0] for o in records.values() if o.kind == "undeliverable"}
    silent = sightings.mailed - welcomed.keys()
    return silent if len(silent) > len(unclear) else set()


def mail_findings(
    records: dict[str, Outcome], sightings: Sightings, answers: Counter[str], welcomed: Counter[str]
) -> list[str]:
    """Return the answers and acknowledgements that left twice, or not at all."""
    return _name_findings(
        {
            "answers lost": lost_answers(records, sightings, answers),
            "answers sent twice": [text for text, times in answers.items() if times > 1],
            "customers without an acknowledgement": silent_customers(records, sightings, welcomed),
            "customers acknowledged twice": [a for a, times in welcomed.items() if times > 1],
        }
    )


async def findings(cluster: Cluster, sightings: Sightings) -> list[str]:
    """Return every broken promise of a cluster at rest."""
    records = await outcomes(cluster.kafka)
    answers: Counter[str] = sum((s.answers for s in cluster.mail.values()), Counter())
    welcomed: Counter[str] = sum((s.acknowledged for s in cluster.mail.values()), Counter())
    return [
        *road_findings(await work_items(cluster.kafka), sightings),
        *desk_findings(records, sightings),
        *mail_findings(records, sightings, answers, welcomed),
        *sightings.wrong[:5],
    ]


def _name_findings(kinds: dict[str, Collection[object]]) -> list[str]:
    """Return one line for each kind of finding that has any."""
    return [
        f"{len(things)} {kind}, first {next(iter(things))}"
        for kind, things in kinds.items()
        if things
    ]
