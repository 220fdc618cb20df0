"""The router beside a bare loop, a plain loop with the same decision, and another commit's router.

The bare loop copies messages. The plain loop decides them in transactions, without a conversation's
state and without headers, and writes one item a message where the router writes three records.
"""

import sys

from bench.comparison.builds import describe_builds
from bench.comparison.figures import BROKER, MAIN, PROCESS, RATE, TOTAL
from bench.comparison.programs import (
    Program,
    measure_backlog,
    router_programs,
    router_references,
)
from bench.comparison.rounds import run_rounds
from bench.comparison.tables import format_report
from bench.comparison.warm_broker import warm_broker
from bench.options import Options
from bench.peers.task import GROUP

MESSAGES = 60_000
BARE, PLAIN = "bare loop", "plain loop"
_COLUMNS = (RATE, MAIN, PROCESS, BROKER, TOTAL)


def run(options: Options) -> dict[str, object]:
    """Measure them by turns; print each round, the medians and the ratios."""
    messages = options.messages or MESSAGES
    programs = {program.name: program for program in (*_loops(), *router_programs(options))}
    with warm_broker() as broker:
        print(describe_builds(broker.process()), flush=True)
        rounds = run_rounds(
            options.rounds,
            tuple(programs),
            lambda name: measure_backlog(programs[name], broker, messages),
        )
    references = (PLAIN, *router_references(options))
    print(format_report(rounds, _COLUMNS, references), flush=True)
    return {"messages": messages, "rounds": rounds}


def _loops() -> tuple[Program, Program]:
    """Return both baselines, in this Python."""
    python = (sys.executable, "-P", "-m")
    return (
        Program(BARE, (*python, "bench.peers.bare_loop"), GROUP),
        Program(PLAIN, (*python, "bench.peers.plain_confluent"), GROUP),
    )
