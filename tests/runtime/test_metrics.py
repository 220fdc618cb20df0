"""Each metric has a sentence for the operator."""

from runtime import metrics
from runtime.metrics import METRICS


def test_each_metric_tells_the_operator_something() -> None:
    assert all(m.tells.endswith(".") and len(m.tells) > 20 for m in METRICS.values())


def test_each_set_of_labels_has_its_own_count() -> None:
    for channel, amount in (("a", 1), ("b", 2), ("a", 4)):
        metrics.count("santral_messages_pending_total", amount, channel=channel)
    metrics.observe("santral_accept_duration_seconds", 0.2, channel="b")
    lines = metrics.exposition().decode().splitlines()
    assert 'santral_messages_pending_total{channel="a"} 5.0' in lines
    assert 'santral_messages_pending_total{channel="b"} 2.0' in lines
    assert 'santral_accept_duration_seconds_sum{channel="b"} 0.2' in lines


def test_a_forgotten_gauge_is_set_again() -> None:
    metrics.gauge("santral_items_ready", 3, department="x")
    metrics.forget("santral_items_ready")
    metrics.gauge("santral_items_ready", 4, department="x")
    assert 'santral_items_ready{department="x"} 4.0' in metrics.exposition().decode().splitlines()
