"""A small IMAP server whose test decides what it answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

Answer = Callable[[bytes, bytes], bytes]
"""Returns the bytes that answer a command; gets the command and its tag."""


@contextlib.asynccontextmanager
async def serve_imap(answer: Answer) -> AsyncIterator[int]:
    """Serve IMAP on a port of its own, and yield it; the server itself answers CAPABILITY alone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
        while line := await reader.readline():
            tag, _, command = line.strip().partition(b" ")
            if command == b"CAPABILITY":
                writer.write(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")
            else:
                writer.write(answer(command, tag))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
