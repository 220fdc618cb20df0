"""`python -m bench [NAME …]`: run measurements and print one line of JSON for each.

Machines are shared and noisy: each figure stands beside its baseline of the same run, and only
the ratio counts. docs/performance.md keeps the numbers.
"""

import json
import sys
import time

from bench import (
    decide,
    door,
    floods,
    hooks,
    latency,
    lines,
    local,
    mail,
    recorder,
    router,
    sockets,
    strangers,
)

ALL = {
    "decide": decide.run,
    "router": router.run,
    "latency": latency.run,
    "door": door.run,
    "recorder": recorder.run,
    "backlog": router.backlog,
    "up": local.run,
    "mail": mail.run,
    "lines": lines.run,
    "hooks": hooks.run,
    "floods": floods.run,
    "sockets": sockets.run,
    "strangers": strangers.run,
}


def main() -> None:
    """Run what is named, or everything."""
    wanted = sys.argv[1:] or list(ALL)
    unknown = set(wanted) - set(ALL)
    if unknown:
        raise SystemExit(f"no measurement {', '.join(unknown)}; there are {', '.join(ALL)}")
    for name in wanted:
        began = time.monotonic()
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        result = ALL[name]()
        print(
            json.dumps({"bench": name, **result, "took_s": round(time.monotonic() - began)}),
            flush=True,
        )


if __name__ == "__main__":
    main()
