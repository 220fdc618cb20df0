"""`python -m bench [NAME …]`: run measurements and print one line of JSON for each.

Machines are shared and noisy. Each figure therefore comes with a baseline of the same run, and only
their ratio counts. docs/performance.md has the figures.
"""

import json
import sys
import time

from bench.doors import door, floods, hooks, mail, sockets, strangers
from bench.stages import decide, latency, lines, local, million, recorder, router

MEASUREMENTS = {
    "decide": decide.run,
    "router": router.run,
    "latency": latency.run,
    "door": door.run,
    "recorder": recorder.run,
    "backlog": router.backlog,
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
    names = sys.argv[1:] or list(MEASUREMENTS)
    unknown = set(names) - set(MEASUREMENTS)
    if unknown:
        raise SystemExit(
            f"unknown measurement: {', '.join(unknown)}. Choose from {', '.join(MEASUREMENTS)}"
        )
    for name in names:
        began = time.monotonic()
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        result = MEASUREMENTS[name]()
        print(
            json.dumps({"bench": name, **result, "took_s": round(time.monotonic() - began)}),
            flush=True,
        )


if __name__ == "__main__":
    main()
