"""W3C Trace Context: one trace id follows a message through every hop.

Before: the door or a channel starts or takes over a trace. After: every record carries the
`traceparent` header of the hop that wrote it. Source: W3C Trace Context, level 2. Pure but for
the randomness of a new id.
"""

import re
import secrets

_FORM = re.compile(r"^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")


def start() -> str:
    """Return the traceparent of a new trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child(parent: str | None) -> str:
    """Return a traceparent in the parent's trace, or of a new trace if the parent is not valid."""
    if parent is None or not _FORM.match(parent):
        return start()
    return f"00-{parent[3:35]}-{secrets.token_hex(8)}-{parent[53:55]}"


def trace_id(traceparent: str | None) -> str:
    """Return the trace id within a traceparent, for logs; empty when there is none."""
    return traceparent[3:35] if traceparent and _FORM.match(traceparent) else ""
