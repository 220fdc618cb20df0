"""A report lists each round, the medians and the ratios as tables that a page can take over."""

from bench.comparison.tables import format_number, format_report, format_table, ratios_table


def _row(rate: float, latency: float) -> dict[str, float]:
    return {"messages/s": rate, "p50 ms": latency}


ROUNDS = [
    {"loop": _row(8_000, 12), "router": _row(4_000, 9)},
    {"loop": _row(10_000, 10), "router": _row(7_000, 8)},
]


def test_a_table_lines_up() -> None:
    assert format_table(["a", "number"], [["loop", "1"]]).splitlines() == [
        "| a    | number |",
        "| ---- | ------ |",
        "| loop | 1      |",
    ]


def test_a_number_has_three_digits_or_all_before_the_point() -> None:
    numbers = (0.125, 9.99, 12.34, 123.4, 12_345.6)
    assert [format_number(number) for number in numbers] == [
        "0.12",
        "9.99",
        "12.3",
        "123",
        "12,346",
    ]


def test_ratios_show_their_median_and_their_range() -> None:
    lines = ratios_table(ROUNDS, ["messages/s"], "loop").splitlines()
    assert lines[2:] == ["| router  | 0.60 (0.50 to 0.70) | 2      |"]


def test_a_program_without_a_common_round_has_no_ratio() -> None:
    lines = ratios_table([{"router": {"messages/s": 1.0}}], ["messages/s"], "loop").splitlines()
    assert lines[2:] == ["| router  | –          | 0      |"]


def test_a_report_has_each_round_the_medians_and_the_ratios() -> None:
    report = format_report(ROUNDS, ["messages/s"], ["loop"])
    assert "| 2     | router  | 7,000      | 8.00   |" in report
    assert "Medians of 2" in report
    assert "| router  | 5,500      | 8.50   |" in report
    assert "Ratios to loop within a round: median (lowest to highest)" in report
