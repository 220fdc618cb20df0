"""Samples become costs a message, and rounds become medians of ratios within a round."""

import pytest

from bench.comparison.figures import (
    Ratio,
    Sample,
    cost_row,
    find_ratio,
    median_row,
    variants,
)

FIRST = Sample(time_s=10.0, messages=2_000, main_s=1.0, process_s=1.5, broker_s=20.0)
ROUNDS = [
    {"loop": {"messages/s": 1_000.0}, "router": {"messages/s": 500.0}},
    {"loop": {"messages/s": 4_000.0}, "router": {"messages/s": 1_000.0}},
    {"loop": {"messages/s": 2_000.0}, "router": {"messages/s": 1_400.0}},
]


def test_a_cost_is_the_growth_between_two_samples_a_message() -> None:
    last = Sample(time_s=12.0, messages=12_000, main_s=1.6, process_s=2.5, broker_s=20.4)
    assert cost_row(FIRST, last) == pytest.approx(
        {
            "messages/s": 5_000,
            "main µs": 60,
            "process µs": 100,
            "broker µs": 40,
            "total µs": 140,
        }
    )


def test_samples_without_a_message_between_them_have_no_cost() -> None:
    with pytest.raises(ValueError, match="no message"):
        cost_row(FIRST, FIRST)


def test_a_median_is_over_the_rounds_of_a_program() -> None:
    assert median_row(ROUNDS, "loop") == {"messages/s": 2_000}
    rounds = [*ROUNDS, {"loop": {"messages/s": 3_000.0}}]
    assert median_row(rounds, "router") == {"messages/s": 1_000}


def test_a_ratio_compares_programs_of_the_same_round() -> None:
    # The ratios are 0.5, 0.25 and 0.7; the ratio of the medians would be 1,000 of 2,000 too.
    assert find_ratio(ROUNDS, "router", "loop", "messages/s") == Ratio(0.5, 0.25, 0.7, 3)
    rounds = [*ROUNDS, {"loop": {"messages/s": 1_000.0}, "router": {"messages/s": 700.0}}]
    assert find_ratio(rounds, "router", "loop", "messages/s") == Ratio(0.6, 0.25, 0.7, 4)


def test_a_round_that_lacks_a_program_has_no_ratio() -> None:
    rounds = [*ROUNDS, {"router": {"messages/s": 9_000.0}}, {"loop": {"messages/s": 9_000.0}}]
    assert find_ratio(rounds, "router", "loop", "messages/s") == Ratio(0.5, 0.25, 0.7, 3)
    assert find_ratio(rounds[3:], "router", "loop", "messages/s") is None


def test_programs_keep_the_order_of_the_rounds() -> None:
    assert variants([{"router": {}}, {"loop": {}, "router": {}}]) == ["router", "loop"]
