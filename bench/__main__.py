"""`python -m bench [NAME …]`: run measurements and print one line of JSON for each.

Machines are shared and noisy. Each figure therefore comes with a baseline of the same run, and only
their ratio counts. A comparison runs several programs by turns; before its JSON it prints the builds
that it ran on, each round, and the medians of the ratios. docs/performance.md has the figures.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping

from bench.doors import door, floods, hooks, mail, sockets, strangers
from bench.options import Options, parse_arguments
from bench.peers import compare as peers
from bench.stages import backlog, decide, latency, lines, local, million, recorder, router

COMPARISONS: dict[str, Callable[[Options], Mapping[str, object]]] = {
    "router": router.run,
    "latency": latency.run,
    "peers": peers.run,
    "recorder": recorder.run,
}
MEASUREMENTS: dict[str, Callable[[], Mapping[str, object]]] = {
    "decide": decide.run,
    "door": door.run,
    "backlog": backlog.run,
    "million": million.run,
    "up": local.run,
    "mail": mail.run,
    "lines": lines.run,
    "hooks": hooks.run,
    "floods": floods.run,
    "sockets": sockets.run,
    "strangers": strangers.run,
}


def main() -> None:
    """Run the measurements that the arguments name, or all of them."""
    names, options = parse_arguments(sys.argv[1:], (*COMPARISONS, *MEASUREMENTS))
    for name in names:
        began = time.monotonic()
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        comparison = COMPARISONS.get(name)
        result = MEASUREMENTS[name]() if comparison is None else comparison(options)
        print(
            json.dumps({"bench": name, **result, "took_s": round(time.monotonic() - began)}),
            flush=True,
        )


if __name__ == "__main__":
    main()
