"""Two invented weeks for the demo, hour by hour, as the watch would have counted them.

`santral up --demo` writes them to pulses.v1 before the watch starts, so that the demo's outage
differs from them as a real one would. It writes nothing where the topic has hours already.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from cli.offline.decisions import plain_message
from router.decision.decide import decide_message
from router.incidents.observation import observe
from router.policy_settings import build_policy
from runtime.bus.publisher import Publisher
from runtime.bus.readers import read_to_end
from runtime.settings.structs import Settings
from schemas import topics
from schemas.incident import Pulse

_HOURS = 14 * 24


async def invent(settings: Settings, texts: Iterable[str], a_second: float, now: datetime) -> int:
    """Write the pulses of `a_second` messages, these texts in turn, up to `now`; return how many
    hours. 0 when hours are known already."""
    stored = [r async for batch in read_to_end(settings.kafka, [topics.PULSES.name]) for r in batch]
    if stored:
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
    router_policy, each = build_policy(settings), an_hour / len(texts)
    counted: Counter[str] = Counter()
    troubled = 0
    for number, text in enumerate(texts):
        message = plain_message(text, number, settings.brand)
        item = decide_message(message, None, router_policy, message.received_at).item
        observation = observe(item) if item is not None else None
        if observation is not None and observation.trouble:
            troubled += 1
            counted.update(observation.terms)
    return {t: max(1, round(n * each)) for t, n in counted.items()}, round(troubled * each)
