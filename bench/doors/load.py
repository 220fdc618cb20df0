"""Load for a door: many connections, each of which sends one request after another."""

import asyncio
import os
import time
from collections.abc import Callable

CONNECTIONS = 64
"""Many enough that the door always has a request to work on."""

SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))

MakeRequest = Callable[[int, int], bytes]
"""Makes a whole HTTP request from the numbers of its connection and of the request on it."""


async def answers_per_second(
    port: int, seconds: float, make_request: MakeRequest, status: int
) -> float:
    """Return the answers a second from a port; raise AssertionError for another status."""
    until = time.perf_counter() + seconds
    counts = await asyncio.gather(
        *(_send(port, number, until, make_request, status) for number in range(CONNECTIONS))
    )
    return sum(counts) / seconds


async def _send(
    port: int, connection: int, until: float, make_request: MakeRequest, status: int
) -> int:
    """Send requests on one connection; return how many were answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    count = 0
    while time.perf_counter() < until:
        count += 1
        writer.write(make_request(connection, count))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 %d" % status), head
    writer.close()
    return count
