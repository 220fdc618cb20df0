"""Each metric has a sentence for the operator."""

from runtime.metrics import METRICS


def test_each_metric_tells_the_operator_something() -> None:
    assert all(m.tells.endswith(".") and len(m.tells) > 20 for m in METRICS.values())
