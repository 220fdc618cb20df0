"""Invented traffic with people's outcomes, a candidate pack, and a store that has recorded it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from sqlalchemy import insert

from router.backtest.replay import TrafficRecord
from router.decision.apply_outcome import apply_outcome
from router.decision.decide import RoutingResult, decide_message
from router.decision.policy import Policy
from router.text.pack_compiler import compile_pack
from runtime import store
from runtime.settings.structs import Settings
from schemas.message import Message
from schemas.outcome import Outcome
from schemas.state.conversation import ConversationState
from tests.support.messages import NOW, message, policy
from workers.recorder.columns import COLUMNS
from workers.recorder.rows import Rows, add_record
from workers.run import MIGRATIONS
from workers.store import tables

RecordTraffic = Callable[[list[TrafficRecord]], Settings]
"""Writes traffic to a new store; returns the settings of the store."""

TEXTS = {
    "1": "faturam çok yüksek geldi",
    "2": "modem çalışmıyor, internet yok",
    "3": "ürünü iade etmek istiyorum",
    "4": "teleferik nerede",
    "5": "faturam yanlış, IBAN TR330006100519786457841326 numaralı hesaba yatırın",
}


def sent_after(native: str, text: str, hours: float, root: str = "") -> Message:
    """Return a message that came `hours` after NOW."""
    return message(text, native, root or native, received_at=NOW + timedelta(hours=hours))


def traffic() -> list[TrafficRecord]:
    """Return five messages, of which people move the fourth to sales and resolve the first.

    The last message follows up on the fourth.
    """
    messages = [sent_after(native, text, int(native)) for native, text in TEXTS.items()]
    return [
        *messages,
        _outcome(messages[3], "rerouted", 6, department="sales"),
        _outcome(messages[0], "resolved", 7),
        sent_after("6", "tamam teşekkürler", 8, root="4"),
    ]


def _outcome(
    of: Message, kind: Literal["rerouted", "resolved"], hours: float, department: str | None = None
) -> Outcome:
    """Return a person's outcome, `hours` after NOW."""
    result = decide_message(of, None, policy(), NOW)
    assert result.item is not None
    return Outcome(
        id=f"{kind}-{of.id}",
        kind=kind,
        brand="default",
        conversation=of.conversation,
        item=of.id,
        department=result.decision.department,
        messages=(of.id,),
        at=NOW + timedelta(hours=hours),
        agent="ali",
        reason="yanlış",
        to=department,
        moved=result.item if department else None,
    )


def candidate_policy() -> Policy:
    """Return the default policy with a new rule for sales and more urgent returns."""
    pack = policy().pack
    rule = msgspec.structs.replace(
        pack.rules[0],
        id="x.tram",
        department="sales",
        any=("teleferik*",),
        all=(),
        none=(),
        weight=5.0,
        priority=0,
        severity=0,
        sentiment=0.0,
        intent=None,
        topics=(),
        match=("teleferik",),
        no_match=("otobüs",),
    )
    changed = tuple(
        msgspec.structs.replace(r, priority=r.priority + 7) if r.department == "returns" else r
        for r in pack.rules
    )
    return replace(policy(), pack=compile_pack("candidate", (*changed, rule)))


def apply_event(
    event: TrafficRecord, states: dict[str, ConversationState], now: datetime
) -> RoutingResult | None:
    """Apply an event to its conversation by the default policy; return the decision, if any."""
    state = states.get(event.conversation)
    result = (
        decide_message(event, state, policy(), now)
        if isinstance(event, Message)
        else apply_outcome(event, state, policy().departments, now)
    )
    changed = result.state if isinstance(result, RoutingResult) else result
    if changed is not None:
        states[event.conversation] = changed
    return result if isinstance(result, RoutingResult) else None


def _rows(events: list[TrafficRecord]) -> Rows:
    rows, states = Rows(), dict[str, ConversationState]()
    for offset, event in enumerate(events):
        topic = "messages.v1" if isinstance(event, Message) else "outcomes.v1"
        add_record(rows, topic, 0, offset, msgspec.json.encode(event))
        now = event.received_at if isinstance(event, Message) else event.at
        result = apply_event(event, states, now)
        if result is not None:
            add_record(rows, "decisions.v1", 0, offset, msgspec.json.encode(result.decision))
    return rows


@pytest.fixture
def record_traffic(tmp_path: Path) -> RecordTraffic:
    """Write events to a store in the home folder, as the recorder does."""

    def record(events: list[TrafficRecord]) -> Settings:
        settings = Settings(home=str(tmp_path / "var"))
        store.migrate(settings.store_url, MIGRATIONS)
        rows = _rows(events)
        engine = store.engine(settings.store_url)
        with engine.begin() as connection:
            for table, values in (
                (tables.MESSAGES, rows.messages),
                (tables.DECISIONS, rows.decisions),
                (tables.OUTCOMES, rows.outcomes),
            ):
                records = [dict(zip(COLUMNS[table.name], row, strict=True)) for row in values]
                connection.execute(insert(table), records)
        engine.dispose()
        return settings

    return record
