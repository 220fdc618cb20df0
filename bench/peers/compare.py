"""Our router beside the peers, on one broker and the same messages, each with the same decision."""

from collections.abc import Iterable

from bench.comparison.builds import describe_builds
from bench.comparison.figures import PROCESS, RATE, TOTAL, Row
from bench.comparison.programs import (
    Program,
    ProgramFailed,
    measure_backlog,
    router_programs,
)
from bench.comparison.rounds import run_rounds
from bench.comparison.tables import format_report
from bench.comparison.warm_broker import warm_broker
from bench.options import Options
from bench.peers.environments import PEERS, PLAIN_CONFLUENT, Peer, install_peer
from bench.peers.task import GROUP
from schemas.errors import Unavailable

MESSAGES = 20_000


def run(options: Options) -> dict[str, object]:
    """Measure the routers and each peer that can be installed; print the tables."""
    programs = {
        program.name: program for program in (*router_programs(options), *_installed(PEERS))
    }
    with warm_broker() as broker:
        print(describe_builds(broker.process()), flush=True)

        def measure(name: str) -> Row | None:
            try:
                return measure_backlog(programs[name], broker, options.messages or MESSAGES)
            except ProgramFailed as failure:
                print(f"FAILED: {failure}", flush=True)
                return None

        rounds = run_rounds(options.rounds, tuple(programs), measure)
    print(format_report(rounds, (RATE, PROCESS, TOTAL), (PLAIN_CONFLUENT.name,)), flush=True)
    return {"messages": options.messages or MESSAGES, "rounds": rounds}


def peer_program(peer: Peer, python: str) -> Program:
    """Return a peer as a program of its environment's Python."""
    return Program(peer.name, (python, "-P", "-m", peer.module), GROUP)


def _installed(peers: Iterable[Peer]) -> list[Program]:
    """Return the peers that can be installed, and say why the others can't."""
    programs = []
    for peer in peers:
        try:
            programs.append(peer_program(peer, install_peer(peer)))
        except Unavailable as error:
            print(f"SKIPPED: {peer.name} can't be installed: {error}", flush=True)
    return programs
