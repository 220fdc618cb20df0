"""Programs take turns, and each round begins with the next one."""

import pytest

from bench.comparison.rounds import LOAD, run_rounds, turns


def test_each_round_begins_with_the_next_program() -> None:
    names = ("bare", "loop", "router")
    assert [turns(names, number)[0] for number in range(4)] == ["bare", "loop", "router", "bare"]
    assert sorted(turns(names, 2)) == sorted(names)


def test_rounds_list_the_programs_in_their_first_order() -> None:
    measured: list[str] = []

    def measure(name: str) -> dict[str, float]:
        measured.append(name)
        return {"messages/s": float(len(measured))}

    rounds = run_rounds(2, ("loop", "router"), measure)
    assert measured == ["loop", "router", "router", "loop"]
    assert [list(rows) for rows in rounds] == [["loop", "router"], ["loop", "router"]]
    assert rounds[1]["router"]["messages/s"] == 3
    assert LOAD in rounds[0]["loop"]


def test_a_program_that_fails_is_left_out_of_its_round(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rounds = run_rounds(1, ("loop", "router"), lambda name: {"p": 1.0} if name == "loop" else None)
    assert list(rounds[0]) == ["loop"]
    assert "round 1: loop: 1.00 p" in capsys.readouterr().err
