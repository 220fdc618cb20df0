"""A program is measured from outside, on a backlog in an otherwise empty broker."""

import sys

import pytest

from bench.comparison.programs import (
    Program,
    ProgramFailed,
    measure_backlog,
    router_program,
    router_programs,
    router_references,
)
from bench.comparison.warm_broker import WarmBroker
from bench.options import Options
from bench.peers.task import GROUP
from tests.support.paths import ROOT
from tests.support.servers.broker import SharedBroker, broker_process

MESSAGES = 20_000


def _program(*arguments: str) -> Program:
    return Program("program", (sys.executable, "-P", *arguments), GROUP)


@pytest.mark.parametrize(
    "program",
    [_program("-m", "bench.peers.plain_confluent"), router_program("router")],
    ids=lambda program: program.command[-1],
)
def test_a_backlog_gives_a_rate_and_the_cpu_time_of_both_processes(
    program: Program, shared_broker: SharedBroker
) -> None:
    row = measure_backlog(program, WarmBroker(shared_broker), MESSAGES)
    assert row["messages/s"] > 100
    assert 1 < row["main µs"] <= row["process µs"] + 1
    assert row["broker µs"] > 1
    assert row["total µs"] == row["process µs"] + row["broker µs"]


def test_a_second_run_meets_the_same_broker(shared_broker: SharedBroker) -> None:
    broker = WarmBroker(shared_broker)
    before = broker.process()
    measure_backlog(_program("-m", "bench.peers.bare_loop"), broker, MESSAGES)
    assert broker_process(broker.empty()) == before


def test_a_program_that_ends_fails_with_its_output(shared_broker: SharedBroker) -> None:
    ending = _program("-c", "raise SystemExit('no such framework')")
    with pytest.raises(ProgramFailed, match=r"program ended after 0 messages.*no such framework"):
        measure_backlog(ending, WarmBroker(shared_broker), MESSAGES)


def test_without_another_checkout_only_this_router_runs() -> None:
    assert [program.name for program in router_programs(Options())] == ["router"]
    assert router_references(Options()) == ()


def test_the_router_without_compiled_modules_is_a_reference() -> None:
    options = Options(pure=True)
    assert [(program.name, program.compiled) for program in router_programs(options)] == [
        ("router", True),
        ("router, pure", False),
    ]
    assert router_references(options) == ("router, pure",)


def test_another_checkout_runs_its_own_code_and_is_a_reference() -> None:
    options = Options(against=ROOT, processes=2)
    _, other, several = router_programs(options)
    assert other.checkout == ROOT
    assert several.processes == 2
    assert router_references(options) == (other.name, "router")
