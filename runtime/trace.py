"""W3C Trace Context, by which one trace id follows a message through every hop.

The door or a channel starts or takes over a trace, and every record carries the `traceparent`
header of the hop that wrote it. Source: W3C Trace Context, level 2. Pure but for the randomness of
a new id.
"""

import random
import re

_FORM = re.compile(
    r"^(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-(?P<flags>[0-9a-f]{2})$"
)

# Ids must differ but not be secret, and so they need no system call each.
_bits = random.Random().getrandbits  # noqa: S311 - ids are not secret


def start() -> str:
    """Return the traceparent of a new trace."""
    return f"00-{_bits(128) | 1:032x}-{_bits(64) | 1:016x}-01"


def child(parent: str | None) -> str:
    """Return a traceparent in the parent's trace, or of a new trace if the parent is not valid."""
    match = _FORM.match(parent or "")
    if match is None:
        return start()
    return f"00-{match['trace']}-{_bits(64) | 1:016x}-{match['flags']}"


def trace_id(traceparent: str | None) -> str:
    """Return the trace id within a traceparent, for logs; empty when there is none."""
    match = _FORM.match(traceparent or "")
    return match["trace"] if match else ""
