"""`python -m bench.incidents`: simulated months, and what the watch finds in them.

    python -m bench.incidents --days 90 --a-day 1500 --seed 1

Every day has its rhythm, weekends and holidays are quiet, bills come at the month's beginning,
campaigns fill days with questions; now and then something breaks, for 8 to 400 customers. All of it
goes through the default rules and the watch's own code, minute by minute. With `--killed` the watch
is thrown away every six hours, in the middle of whatever is open, and goes on from what it told.
`--everyday FILE` takes the everyday's texts from JSON lines with `text`.
"""

import argparse
import json
import math
import random
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.incidents import texts
from router.decision.decide import decide
from router.decision.policy import Policy
from router.incidents.observation import Sighting, sighting
from router.incidents.tracker import Incidents, Options
from router.policy_settings import build_policy
from runtime.settings.structs import Settings
from schemas.base import conversation_id, message_id
from schemas.decision import WorkItem
from schemas.incident import Incident, Pulse
from schemas.message import Handle, Message, Party

_BEGIN = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
_WEEK = (1.25, 1.1, 1.0, 1.0, 1.05, 0.6, 0.45)
_HOURS = (
    0.2,
    0.12,
    0.08,
    0.06,
    0.06,
    0.1,
    0.3,
    0.8,
    1.4,
    1.8,
    1.9,
    1.8,
    1.5,
    1.6,
    1.6,
    1.5,
    1.4,
    1.3,
    1.2,
    1.2,
    1.1,
    0.9,
    0.6,
    0.35,
)
_WARM_DAYS = 14
_STEP_S = 15.0


@dataclass(frozen=True)
class Said:
    """A message of the simulation: when, what, and the incident behind it."""

    at: float
    text: str
    cause: int | None = None


@dataclass
class Cause:
    """What goes wrong in the simulation."""

    number: int
    kind: str
    begin: float
    customers: int


def _filled(text: str, rng: random.Random, fixed: dict[str, str]) -> str:
    slots = {
        "place": rng.choice(texts.PLACES),
        "product": rng.choice(texts.PRODUCTS),
        "product_en": rng.choice(texts.PRODUCTS_EN),
        "name": rng.choice(texts.NAMES),
        "order": str(rng.randrange(10**7, 10**8)),
        "days": str(rng.randrange(2, 30)),
        "amount": str(rng.randrange(50, 2000)),
        "event": "",
        "code": rng.choice(texts.CODES),
        "courier": rng.choice(texts.COURIERS),
        "service": rng.choice(texts.SERVICES),
    }
    made = text.format(**(slots | fixed))
    if rng.random() < 0.3:
        made = made.translate(str.maketrans("ıİşŞğĞçÇöÖüÜ", "iIsSgGcCoOuU"))
    return made.lower() if rng.random() < 0.3 else made


def _poisson(rng: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, k, p = math.exp(-mean), 0, 1.0
    while p > limit:
        p *= rng.random()
        k += 1
    return k - 1


def months(days: int, a_day: int, seed: int, everyday: list[str]) -> tuple[list[Said], list[Cause]]:
    """Return everything that is said in so many days, and what went wrong."""
    rng = random.Random(seed)
    said: list[Said] = []
    causes: list[Cause] = []
    total = sum(_HOURS)
    for day in range(days):
        date = _BEGIN + timedelta(days=day)
        level = a_day * _WEEK[date.weekday()] * rng.lognormvariate(0, 0.1)
        holiday = day % 45 in (30, 31, 32)
        campaign = texts.EVENTS[day // 30 % 6] if day % 30 in (18, 19) else None
        level *= 0.4 if holiday else 1.0
        for hour, weight in enumerate(_HOURS):
            begin = (date + timedelta(hours=hour)).timestamp()
            mean = level * weight / total
            for _ in range(_poisson(rng, mean * rng.lognormvariate(0, 0.15))):
                text = rng.choice(everyday)
                if date.day <= 4 and rng.random() < 0.3:
                    text = rng.choice([t for t in texts.EVERYDAY if "atura" in t])
                said.append(Said(begin + rng.random() * 3600, _filled(text, rng, {})))
            for _ in range(_poisson(rng, mean) if campaign else 0):
                pool = texts.CAMPAIGN_TROUBLE if rng.random() < 0.15 else texts.CAMPAIGN
                text = _filled(rng.choice(pool), rng, {"event": campaign or ""})
                said.append(Said(begin + rng.random() * 3600, text))
        if day >= _WARM_DAYS and rng.random() < 0.5:
            causes.append(_goes_wrong(len(causes), date, rng, said))
    said.sort(key=lambda s: s.at)
    return said, causes


def _goes_wrong(number: int, date: datetime, rng: random.Random, said: list[Said]) -> Cause:
    kind = rng.choice(list(texts.INCIDENTS))
    customers = round(math.exp(rng.uniform(math.log(8), math.log(400))))
    begin = (date + timedelta(hours=rng.uniform(7, 21))).timestamp()
    span = rng.uniform(0.5, 4) * 3600
    fixed = {
        "place": rng.choice(texts.PLACES),
        "code": rng.choice(texts.CODES),
        "courier": rng.choice(texts.COURIERS),
        "service": rng.choice(texts.SERVICES),
        "product": rng.choice(texts.PRODUCTS),
    }
    for _ in range(customers):
        at = begin + min(rng.gammavariate(1.5, span / 3), span * 2)
        said.append(Said(at, _filled(rng.choice(texts.INCIDENTS[kind]), rng, fixed), number))
    return Cause(number, kind, begin, customers)


def _sightings(said: list[Said], made: Policy) -> list[tuple[Sighting, int | None]]:
    """Return what the watch sees of each message, decided by the rules."""
    found: list[tuple[Sighting, int | None]] = []
    for at in range(0, len(said), 2000):
        part = said[at : at + 2000]
        messages = []
        for number, one in enumerate(part, at):
            who = Handle(kind="handle", value=f"customer-{number}")
            when = datetime.fromtimestamp(one.at, UTC)
            messages.append(
                Message(
                    id=message_id("api", "bench", str(number)),
                    brand="bench",
                    channel="api",
                    source="api:bench",
                    native_id=str(number),
                    kind="form",
                    text=one.text,
                    conversation=conversation_id("bench", "api", str(number)),
                    sender=Party(handles=(who,)),
                    full_text=one.text,
                    received_at=when,
                )
            )
        done = decide(messages, lambda _: None, made, _BEGIN)
        for one, message, decided in zip(part, messages, done, strict=True):
            assert decided.item is not None
            item = WorkItem(message=message, decision=decided.decision, due=decided.item.due)
            seen = sighting(item)
            if seen is not None:
                found.append((seen, one.cause))
    return found


def watched(
    seen: list[tuple[Sighting, int | None]], options: Options, killed: bool
) -> tuple[list[Incident | Pulse], int]:
    """Return what the watch tells of all that it sees, and how often it was killed."""
    told: list[Incident | Pulse] = []
    held, kills, place = Incidents(options), 0, 0
    at = seen[0][0].at
    next_kill = at + 6 * 3600
    while place < len(seen):
        while place < len(seen) and seen[place][0].at <= at:
            held.see(seen[place][0])
            place += 1
        held.tick(at)
        told += held.told
        held.told.clear()
        if killed and at >= next_kill:
            kills, next_kill = kills + 1, at + 6 * 3600
            held = Incidents(options)
            held.restore(
                [t for t in told if isinstance(t, Pulse)],
                [t for t in told if isinstance(t, Incident)],
            )
            since = held.since(at)
            while place and seen[place - 1][0].at >= since:
                place -= 1
        at += _STEP_S
    return told, kills


def judged(
    told: list[Incident | Pulse],
    seen: list[tuple[Sighting, int | None]],
    causes: list[Cause],
    days: int,
) -> dict[str, object]:
    """Return shares and minutes; print what was missed and what was cried for nothing."""
    of = {s.message: cause for s, cause in seen}
    members: dict[str, Counter[int | None]] = defaultdict(Counter)
    opened: dict[str, Incident] = {}
    for record in told:
        if isinstance(record, Incident):
            members[record.id].update(of[m] for m in record.messages)
            if record.status == "opened":
                opened.setdefault(record.id, record)
    first: dict[int, Incident] = {}
    false, split = [], 0
    inside = outside = 0
    for identifier, record in opened.items():
        cause, count = members[identifier].most_common(1)[0]
        whole = sum(members[identifier].values())
        if cause is None or count < whole / 2:
            false.append(record)
        elif cause in first:
            split += 1
        else:
            first[cause] = record
            inside, outside = inside + count, outside + whole - count
    minutes, customers = [], []
    sizes: dict[str, list[bool]] = defaultdict(list)
    for injected in causes:
        size = (
            "8-15" if injected.customers < 16 else "16-60" if injected.customers <= 60 else "61-400"
        )
        sizes[size].append(injected.number in first)
        if injected.number in first:
            at = first[injected.number].opened_at.timestamp()
            minutes.append((at - injected.begin) / 60)
            customers.append(sum(1 for s, c in seen if c == injected.number and s.at <= at))
        else:
            print(
                json.dumps({"missed": injected.kind, "customers": injected.customers}), flush=True
            )
    for record in false:
        print(
            json.dumps(
                {
                    "false": record.title,
                    "customers": record.customers,
                    "score": record.score,
                    "at": f"{record.opened_at:%a %H:%M}",
                },
                ensure_ascii=False,
            ),
            flush=True,
        )
    whole = sum(c.customers for c in causes if c.number in first)
    return {
        "found": f"{len(first)} of {len(causes)}",
        "by_size": {k: f"{sum(v)} of {len(v)}" for k, v in sorted(sizes.items())},
        "minutes_median": round(statistics.median(minutes), 1) if minutes else None,
        "minutes_p90": round(sorted(minutes)[int(len(minutes) * 0.9)], 1) if minutes else None,
        "customers_when_noticed_median": statistics.median(customers) if customers else None,
        "false_alarms_a_week": round(len(false) / ((days - _WARM_DAYS) / 7), 2),
        "split": split,
        "members_found": round(inside / whole, 3) if whole else None,
        "members_wrong": round(outside / max(1, inside + outside), 3),
    }


def main() -> None:
    """Print the figures of one simulation."""
    asked = argparse.ArgumentParser(prog="python -m bench.incidents", description=__doc__)
    asked.add_argument("--days", type=int, default=90)
    asked.add_argument("--a-day", type=int, default=1500, help="messages on an ordinary day")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--killed", action="store_true", help="kill the watch every six hours")
    asked.add_argument("--everyday", type=Path, help="JSON lines with `text`")
    asked.add_argument("--score", type=float, default=Options().score)
    asked.add_argument("--customers", type=int, default=Options().customers)
    told = asked.parse_args()
    everyday = list(texts.EVERYDAY)
    if told.everyday:
        lines = told.everyday.read_text(encoding="utf-8").splitlines()
        everyday = [json.loads(x)["text"].replace("{", "").replace("}", "") for x in lines]
    began = time.perf_counter()
    said, causes = months(told.days, told.a_day, told.seed, everyday)
    seen = _sightings(said, build_policy(Settings()))
    decided = time.perf_counter()
    options = Options(customers=told.customers, score=told.score)
    records, kills = watched(seen, options, told.killed)
    took = time.perf_counter() - decided
    figures = judged(records, seen, causes, told.days)
    print(
        json.dumps(
            {
                "days": told.days,
                "messages": len(said),
                "causes": len(causes),
                "kills": kills,
                **figures,
                "us_a_message": round(took / len(seen) * 1e6, 1),
                "decided_s": round(decided - began, 1),
            },
            ensure_ascii=False,
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
