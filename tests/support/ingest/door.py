"""The door without Kafka on a free port, and requests written byte by byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
from starlette.types import ASGIApp

from cli.up.ports import free_port
from ingest.accounts import configured_accounts
from ingest.door.http import Door, app
from ingest.intake.accept import Ingest
from ingest.intake.spool import Spool
from runtime.archive.folder_archive import FolderArchive
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.http import server
from runtime.http.guard import Guard
from runtime.http.public_client import PublicClient
from runtime.settings.limits import LimitsSettings
from runtime.settings.structs import DoorSettings, Settings, TokensSettings
from runtime.spool import DiskSpool

TOKENS = TokensSettings(door="d" * 30, desk="m" * 30, console="c" * 30, signing="s" * 30)


@contextlib.asynccontextmanager
async def serve_application(
    application: ASGIApp, limits: LimitsSettings | None = None
) -> AsyncIterator[str]:
    """Serve an application on a free port of loopback, and yield its address."""
    port, stop = free_port(), asyncio.Event()
    sockets = [server.open_listener("127.0.0.1", port)]
    http_server = server.build_server(application, Guard(limits or LimitsSettings()))
    task = asyncio.create_task(server.serve(http_server, sockets, stop))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await task


@contextlib.asynccontextmanager
async def open_door(
    folder: Path,
    desk: str = "http://127.0.0.1:9",
    application: Callable[[Door, Health], ASGIApp] = app,
    **settings: object,
) -> AsyncIterator[str]:
    """Open a door without Kafka, which an early refusal does not need, and yield its address."""
    all_settings = Settings(tokens=TOKENS, door=DoorSettings(desk_url=desk), **settings)
    ingest = Ingest(
        archive=FolderArchive(folder),
        spool=Spool(DiskSpool(folder)),
        publisher=None,  # type: ignore[arg-type]  # a refusal publishes nothing
        clock=SystemClock(),
        web=PublicClient(),
        brand="default",
        signing_key=TOKENS.signing.encode(),
    )
    async with httpx2.AsyncClient(base_url=desk) as client:
        door = Door(
            settings=all_settings,
            ingest=ingest,
            replies=None,  # type: ignore[arg-type]  # no chat here
            accounts=configured_accounts(all_settings),
            desk=client,
            outside=client,
        )
        served = application(door, Health("ingest"))
        async with serve_application(served, all_settings.limits) as url:
            yield url


async def send_raw(url: str, head: str, body: bytes = b"") -> tuple[int, str]:
    """Send a request exactly as it is written; return the status and the answer's text.

    `head` is the request line and the headers, with LF for CRLF.
    """
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    status = answer.partition(b" ")[2][:3]
    return int(status or 0), answer.decode("utf-8", "replace")
