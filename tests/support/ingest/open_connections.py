"""Connections that a test holds open."""

import asyncio
import contextlib


class OpenConnections:
    """Connections that stay open until close()."""

    def __init__(self) -> None:
        self._writers: list[asyncio.StreamWriter] = []

    async def open(
        self, url: str, data: bytes
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect, and write the beginning of a request."""
        host, _, port = url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        self._writers.append(writer)
        writer.write(data)
        return reader, writer

    async def close(self) -> None:
        """Close all of them."""
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        self._writers.clear()


async def read_rest(reader: asyncio.StreamReader) -> bytes:
    """Return the bytes until the end, or nothing after a reset."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            return await reader.read()
    return b""


async def read_status(reader: asyncio.StreamReader) -> int:
    """Return the status of an answer, or 0 after a reset."""
    return int((await read_rest(reader)).partition(b" ")[2][:3] or 0)
