"""The arguments of `python -m bench`."""

import argparse
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

MIN_MESSAGES = 20_000
"""Fewer messages leave too little between the first and the last batch, which don't count."""


@dataclass(frozen=True)
class Options:
    """The arguments of a comparison.

    `against` is another checkout, whose router or recorder is measured beside this one's.
    `processes` above one adds a run with as many processes of this router, and `pure` one without
    its compiled modules. `messages` is the backlog of each run, None for the default of the
    comparison.
    """

    rounds: int = 3
    against: Path | None = None
    processes: int = 1
    messages: int | None = None
    pure: bool = False


def parse_arguments(
    arguments: Sequence[str], names: Collection[str]
) -> tuple[tuple[str, ...], Options]:
    """Return the measurements to run, all of them where none is named, and the options."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure side by side on real Kafka.",
        epilog="--rounds, --against, --processes, --pure and --messages are for router, latency, "
        "peers and recorder; the recorder has one process and no compiled modules.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(names)}; without a name, all of them"
    )
    parser.add_argument(
        "--rounds", type=_count, default=Options.rounds, help="rounds of a comparison"
    )
    parser.add_argument(
        "--against",
        type=_checkout,
        metavar="CHECKOUT",
        help="the folder of another commit, whose router or recorder runs beside this one's",
    )
    parser.add_argument(
        "--processes",
        type=_count,
        default=Options.processes,
        help="measure also so many processes of this router together",
    )
    parser.add_argument(
        "--messages", type=_backlog, metavar="COUNT", help="the backlog of each run"
    )
    parser.add_argument(
        "--pure", action="store_true", help="measure also this router without compiled modules"
    )
    parsed = parser.parse_args(arguments)
    unknown = [name for name in parsed.names if name not in names]
    if unknown:
        parser.error(f"unknown measurement: {', '.join(unknown)}. Choose from {', '.join(names)}")
    options = Options(parsed.rounds, parsed.against, parsed.processes, parsed.messages, parsed.pure)
    return tuple(parsed.names or names), options


def _count(text: str) -> int:
    """Return a count of at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count of 1 or more")
    return int(text)


def _backlog(text: str) -> int:
    count = _count(text)
    if count < MIN_MESSAGES:
        raise argparse.ArgumentTypeError(f"{count} messages are too few, take {MIN_MESSAGES:,}")
    return count


def _checkout(text: str) -> Path:
    folder = Path(text).resolve()
    if not (folder / "pyproject.toml").is_file():
        raise argparse.ArgumentTypeError(f"{folder} is not a checkout: it has no pyproject.toml")
    return folder
