"""Two invented weeks for the demo: what its messages would have made usual, hour by hour.

Before: `santral up --demo`, ahead of the watch. After: pulses.v1, against which the demo's outage
stands out as one would after two weeks of real traffic. Written only where nothing is known yet.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cli.offline.decisions import plain_message
from router.decide import one
from router.policy_settings import policy
from router.sighting import sighting
from runtime import bus
from runtime.bus import Publisher
from runtime.settings import Settings
from schemas import topics
from schemas.incident import Pulse

_HOURS = 14 * 24


async def invent(settings: Settings, texts: Iterable[str], a_second: float, now: datetime) -> int:
    """Write the pulses of `a_second` messages, these texts in turn, up to `now`; return how many
    hours. 0 when hours are known already."""
    told = [
        r async for batch in bus.read_to_end(settings.kafka, [topics.PULSES.name]) for r in batch
    ]
    if told:
        return 0
    terms, messages = _usual(settings, list(texts), a_second * 3600)
    publisher = Publisher(settings.kafka, "santral-demo")
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    try:
        for back in range(_HOURS, 0, -1):
            hour = last - timedelta(hours=back)
            pulse = Pulse(brand=settings.brand, hour=hour, messages=messages, terms=terms)
            await publisher.publish(topics.PULSES, pulse, source="santral/demo")
    finally:
        await publisher.stop()
    return _HOURS


def _usual(settings: Settings, texts: list[str], an_hour: float) -> tuple[dict[str, int], int]:
    """Return how many messages an hour have each term, and tell of trouble at all."""
    by, each = policy(settings), an_hour / len(texts)
    counted: Counter[str] = Counter()
    troubled = 0
    for number, text in enumerate(texts):
        message = plain_message(text, number, settings.brand)
        item = one(message, None, by, message.received_at).item
        seen = sighting(item) if item is not None else None
        if seen is not None and seen.trouble:
            troubled += 1
            counted.update(seen.terms)
    return {t: max(1, round(n * each)) for t, n in counted.items()}, round(troubled * each)
