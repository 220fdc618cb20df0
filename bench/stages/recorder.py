"""The recorder beside bare inserts of the same rows, and beside the recorder of another commit.

The bare inserts are executemany in SQLite and COPY in PostgreSQL. They build their rows beforehand
and write them into tables without a key.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import msgspec

from bench.checkouts import HERE, checkout_environment, describe_commit
from bench.comparison.figures import PROCESS, TOTAL, Round, Row
from bench.comparison.rounds import run_rounds
from bench.comparison.tables import format_report
from bench.options import Options
from bench.policy import policy
from bench.stages import recorder_process
from bench.support import NOW, message
from router.decision.decide import decide_message
from schemas import envelope, topics
from tests.support.servers.postgres import Postgres

MESSAGES = 20_000
RECORDER = "recorder"
RATE, SERVER = "records/s", "server µs"
_COLUMNS = (RATE, PROCESS, SERVER, TOTAL)
_PROGRAM = Path(recorder_process.__file__)
_LIMIT_S = 300.0


class _Result(msgspec.Struct, frozen=True):
    """The output of recorder_process.py, in seconds."""

    seconds: float
    process_s: float
    server_s: float


@dataclass(frozen=True)
class StoreKind:
    """Gives each run an empty store, by its url; `server` is the process of its server, or 0."""

    bare: str
    new_url: Callable[[], str]
    server: int = 0


def run(options: Options) -> dict[str, object]:
    """Measure both stores; print the tables."""
    messages = options.messages or MESSAGES
    checkouts = {RECORDER: HERE}
    if options.against is not None:
        checkouts[f"{RECORDER} at {describe_commit(options.against)}"] = options.against
    results: dict[str, object] = {"records": 2 * messages}
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder) / "records"
        records.write_bytes(msgspec.msgpack.encode(invent_records(messages)))
        with _stores(Path(folder)) as stores:
            for name, target in stores.items():
                rounds = _run_store(options.rounds, target, checkouts, records)
                print(f"Store: {name}\n")
                references = (target.bare, *[c for c in checkouts if c != RECORDER])
                print(format_report(rounds, _COLUMNS, references), flush=True)
                results[name] = rounds
    return results


def invent_records(messages: int) -> list[tuple[str, bytes]]:
    """Return messages, each followed by its decision, as pairs of topic and value."""
    rules = policy()
    records = []
    for number in range(messages):
        sent = message(number, 2 * messages)
        decision = decide_message(sent, None, rules, NOW).decision
        records.append((topics.MESSAGES.name, envelope.encode(sent)))
        records.append((topics.DECISIONS.name, envelope.encode(decision)))
    return records


@contextmanager
def _stores(folder: Path) -> Iterator[dict[str, StoreKind]]:
    """Yield the stores by name; PostgreSQL only where it is installed."""
    numbers = count()
    stores = {
        "sqlite": StoreKind("executemany", lambda: f"sqlite:///{folder / f'{next(numbers)}.db'}")
    }
    if not Postgres.binaries:
        yield stores
        return
    server = Postgres().start()

    def new_database() -> str:
        name = f"run_{next(numbers)}"
        server.create_database(name)
        return server.url_of(name)

    try:
        assert server.process is not None
        stores["postgresql"] = StoreKind("COPY", new_database, server.process.pid)
        yield stores
    finally:
        server.stop()


def _run_store(
    rounds: int, target: StoreKind, checkouts: dict[str, Path], records: Path
) -> list[Round]:
    def measure(name: str) -> Row:
        program = "bare" if name == target.bare else "recorder"
        return measure_program(program, checkouts.get(name, HERE), target, records)

    return run_rounds(rounds, (target.bare, *checkouts), measure)


def measure_program(program: str, checkout: Path, target: StoreKind, records: Path) -> Row:
    """Return the rate and the CPU time a record of a program with the code of a checkout."""
    command: Sequence[str] = (
        *(sys.executable, "-P", str(_PROGRAM), program, str(records)),
        *(target.new_url(), "--server", str(target.server)),
    )
    environment = checkout_environment(checkout, records.parent)
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, check=True, timeout=_LIMIT_S
    )
    result = msgspec.json.decode(done.stdout, type=_Result)
    number = len(msgspec.msgpack.decode(records.read_bytes()))
    process_us, server_us = (
        seconds / number * 1e6 for seconds in (result.process_s, result.server_s)
    )
    return {
        RATE: number / result.seconds,
        PROCESS: process_us,
        **({SERVER: server_us} if target.server else {}),
        TOTAL: process_us + server_us,
    }
