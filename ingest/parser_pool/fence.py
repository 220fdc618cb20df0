"""The fence runs work in a child process within a limit, for commands without a parser pool.

`santral parse` has an input and gets the lines to print, or Rejected(parser.limit) when the child
exceeded a limit or crashed. A fork costs milliseconds and a new interpreter half a second, but a
fork is safe only in a process without threads, such as a command.
"""

import os
import select
import signal
import time
import warnings
from collections.abc import Callable

import msgspec

from ingest.parser_pool.limits import Limit, end_with_parent, limited
from schemas.errors import Rejected

_OUT_OF_MEMORY = 3  # exit code of a child


def run_fenced(work: Callable[[], list[str]], limit: Limit) -> list[str]:
    """Return the lines of work that raises nothing itself; raise Rejected(parser.limit)."""
    reader, writer = os.pipe()
    parent = os.getpid()
    with warnings.catch_warnings():
        # Tests call this with threads of their own, which hold no lock that the child needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os.close(reader)
        _work(work, limit, writer, parent)
    os.close(writer)
    try:
        output = _read(reader, time.monotonic() + limit.wall_s)
        if output is None:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(reader)
        _, status = os.waitpid(child, 0)
    if output is None:
        raise Rejected("parser.limit", f"it did not finish within {limit.wall_s:g} s")
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGPROF:
        raise Rejected("parser.limit", f"it needs more than {limit.cpu_s:g} s of CPU time")
    if code == _OUT_OF_MEMORY:
        raise Rejected("parser.limit", "it needs more memory than a delivery may have")
    if code:
        raise Rejected("parser.limit", f"its process crashed ({code})")
    return msgspec.json.decode(output, type=list[str])


def _work(work: Callable[[], list[str]], limit: Limit, writer: int, parent: int) -> None:
    """Do the work in the child and end it, without the parent's clean-up."""
    code = 1
    try:
        end_with_parent(parent)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        with limited(limit):
            lines = msgspec.json.encode(work())
        rest = memoryview(lines)
        while rest:
            rest = rest[os.write(writer, rest) :]
        code = 0
    except MemoryError:
        code = _OUT_OF_MEMORY
    finally:
        os._exit(code)


def _read(reader: int, until: float) -> bytes | None:
    """Return all output, or None when it does not end in time."""
    output = bytearray()
    while (left := until - time.monotonic()) > 0:
        if not select.select([reader], [], [], left)[0]:
            return None
        piece = os.read(reader, 1 << 20)
        if not piece:
            return bytes(output)
        output += piece
    return None
