"""The usage of rules counts what fires, and where people overrule it."""

from datetime import timedelta

from runtime import store
from tests.support.messages import NOW
from tests.support.router.backtest import RecordTraffic, record_traffic, traffic
from workers.store.rule_usage import read_usage

__all__ = ["record_traffic"]


def test_the_usage_counts_decisions_moves_and_weeks(record_traffic: RecordTraffic) -> None:
    engine = store.engine(record_traffic(traffic()).store_url, read_only=True)
    with engine.connect() as connection:
        usage = read_usage(connection, (NOW + timedelta(days=1)).timestamp())
        month_later = read_usage(connection, (NOW + timedelta(days=40)).timestamp())
        year_later = read_usage(connection, (NOW + timedelta(days=400)).timestamp())
    engine.dispose()
    assert (usage.decisions, usage.moved) == (5, 1)
    assert usage.moves == [("triage", "sales", 1)]
    uses = {rule.id: (rule.fired, rule.overruled) for rule in usage.rules}
    assert uses["billing.invoice"] == (2, 0)
    (week,) = usage.weeks
    assert (week.count, week.triage, week.languages["tr"]) == (5, 1, 5)
    assert 0.5 < week.mean_confidence <= 1
    assert (month_later.decisions, len(month_later.weeks)) == (0, 1)
    assert (year_later.decisions, year_later.weeks) == (0, [])
