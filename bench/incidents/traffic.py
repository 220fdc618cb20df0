"""Invented traffic of a contact centre, message by message, with the causes of its incidents.

Every day has its rhythm, weekends and holidays are quiet, bills come at the beginning of a month,
and campaigns fill days with questions. Now and then something breaks, for 8 to 400 customers.
"""

import math
import random
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.incidents import texts

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""

WARM_UP_DAYS = 14
"""Nothing breaks while the watch learns what is usual."""

_WEEKDAY_FACTORS = (1.25, 1.1, 1.0, 1.0, 1.05, 0.6, 0.45)
_HOUR_WEIGHTS = (
    *(0.2, 0.12, 0.08, 0.06, 0.06, 0.1),
    *(0.3, 0.8, 1.4, 1.8, 1.9, 1.8),
    *(1.5, 1.6, 1.6, 1.5, 1.4, 1.3),
    *(1.2, 1.2, 1.1, 0.9, 0.6, 0.35),
)
_BILL_TEXTS = [text for text in texts.EVERYDAY if re.search("[Ff]atura", text)]
"""The everyday texts about a bill, which customers send when the bills come."""

_ASCII = str.maketrans("ıİşŞğĞçÇöÖüÜ", "iIsSgGcCoOuU")


@dataclass(frozen=True)
class SimulatedMessage:
    """A message with its time in seconds, and the number of its cause, if something broke."""

    written_at: float
    text: str
    cause: int | None = None


@dataclass(frozen=True)
class Cause:
    """Something that breaks for `customers` customers, from the second `begin` on."""

    number: int
    kind: str
    begin: float
    customers: int


@dataclass(frozen=True)
class SimulatedTraffic:
    """The messages in the order of time, and the causes."""

    messages: list[SimulatedMessage]
    causes: list[Cause]


def simulate(days: int, a_day: int, seed: int, everyday: list[str]) -> SimulatedTraffic:
    """Return the traffic of `days` days, with `a_day` messages on an ordinary one."""
    rng = random.Random(seed)
    messages: list[SimulatedMessage] = []
    causes: list[Cause] = []
    for day in range(days):
        date = BEGIN + timedelta(days=day)
        messages += _ordinary_day(day, a_day, everyday, rng)
        if day >= WARM_UP_DAYS and rng.random() < 0.5:
            cause, complaints = _simulate_incident(len(causes), date, rng)
            causes.append(cause)
            messages += complaints
    messages.sort(key=lambda message: message.written_at)
    return SimulatedTraffic(messages, causes)


def _ordinary_day(
    day: int, a_day: int, everyday: list[str], rng: random.Random
) -> list[SimulatedMessage]:
    date = BEGIN + timedelta(days=day)
    level = a_day * _WEEKDAY_FACTORS[date.weekday()] * rng.lognormvariate(0, 0.1)
    is_holiday = day % 45 in (30, 31, 32)
    campaign = texts.EVENTS[day // 30 % 6] if day % 30 in (18, 19) else None
    level *= 0.4 if is_holiday else 1.0
    messages = []
    for hour, weight in enumerate(_HOUR_WEIGHTS):
        begin = (date + timedelta(hours=hour)).timestamp()
        mean = level * weight / sum(_HOUR_WEIGHTS)
        for _ in range(_poisson(rng, mean * rng.lognormvariate(0, 0.15))):
            text = rng.choice(everyday)
            if date.day <= 4 and rng.random() < 0.3:
                text = rng.choice(_BILL_TEXTS)
            messages.append(SimulatedMessage(begin + rng.random() * 3600, _fill(text, rng, {})))
        for _ in range(_poisson(rng, mean) if campaign else 0):
            pool = texts.CAMPAIGN_TROUBLE if rng.random() < 0.15 else texts.CAMPAIGN
            text = _fill(rng.choice(pool), rng, {"event": campaign or ""})
            messages.append(SimulatedMessage(begin + rng.random() * 3600, text))
    return messages


def _simulate_incident(
    number: int, date: datetime, rng: random.Random
) -> tuple[Cause, list[SimulatedMessage]]:
    """Return a cause of one day with the complaints about it."""
    kind = rng.choice(list(texts.INCIDENTS))
    customers = round(math.exp(rng.uniform(math.log(8), math.log(400))))
    begin = (date + timedelta(hours=rng.uniform(7, 21))).timestamp()
    span = rng.uniform(0.5, 4) * 3600
    slots = {
        "place": rng.choice(texts.PLACES),
        "code": rng.choice(texts.CODES),
        "courier": rng.choice(texts.COURIERS),
        "service": rng.choice(texts.SERVICES),
        "product": rng.choice(texts.PRODUCTS),
    }
    complaints = []
    for _ in range(customers):
        written_at = begin + min(rng.gammavariate(1.5, span / 3), span * 2)
        text = _fill(rng.choice(texts.INCIDENTS[kind]), rng, slots)
        complaints.append(SimulatedMessage(written_at, text, number))
    return Cause(number, kind, begin, customers), complaints


def _fill(text: str, rng: random.Random, fixed: dict[str, str]) -> str:
    """Return a text with its slots filled, some typed in ASCII, some in lower case."""
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
    filled = text.format(**(slots | fixed))
    if rng.random() < 0.3:
        filled = filled.translate(_ASCII)
    return filled.lower() if rng.random() < 0.3 else filled


def _poisson(rng: random.Random, mean: float) -> int:
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, 1.0
    while product > limit:
        product *= rng.random()
        count += 1
    return count - 1
