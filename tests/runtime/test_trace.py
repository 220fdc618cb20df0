"""A trace continues from stage to stage."""

import pytest

from runtime import trace


def test_a_child_keeps_the_trace_of_its_parent() -> None:
    parent = trace.start()
    child = trace.child(parent)
    assert trace.trace_id(child) == trace.trace_id(parent)
    assert child != parent


@pytest.mark.parametrize(
    "wrong",
    [None, "", "00-0-0-0", f"00-{'0' * 32}-{'a' * 16}-01", f"00-{'A' * 32}-{'B' * 16}-01"],
)
def test_a_value_that_is_not_a_traceparent_begins_a_trace(wrong: str | None) -> None:
    trace_id = trace.trace_id(trace.child(wrong))
    assert trace_id is not None
    assert len(trace_id) == 32
    assert trace_id not in (wrong or "").lower()
