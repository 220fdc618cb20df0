"""Scans the files of messages for viruses, by ClamAV's INSTREAM over TCP or a Unix socket.

accept.py has a message's files and keeps those without a virus. An infected attachment has the
virus as its reason, and its bytes are in the raw archive alone. The scan is off by default. While
the scanner is away the delivery waits at its source, or its message has the code
`attachment.unscanned`, as `when_away` says. Source: clamd(8), INSTREAM.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from runtime import metrics
from runtime.log import get
from runtime.settings.structs import ScanSettings
from schemas.delays import RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Retry, SantralError
from schemas.message import Attachment, Message

log = get(__name__)

_CHUNK_BYTES = 256 * 1024
_VIRUS = re.compile(rb"stream: (.+) FOUND")


@dataclass(frozen=True, kw_only=True)
class _Scan:
    """The result for one file."""

    virus: str | None = None
    is_complete: bool = True


class _TooLarge(SantralError):
    """The file is larger than the scanner takes."""


class Scanner:
    """Sends files to clamd."""

    def __init__(self, settings: ScanSettings) -> None:
        self._settings = settings

    async def scan(
        self, message: Message, files: Sequence[bytes]
    ) -> tuple[Message, tuple[bytes, ...]]:
        """Return the message and its files without a virus; raise Retry when it has to wait."""
        if not files or not self._settings.address:
            return message, tuple(files)
        attachments: list[Attachment] = []
        clean_files: list[bytes] = []
        codes: list[str] = []
        # A refused attachment has no bytes here: the files belong to the others, in their order.
        rest = iter(files)
        for attachment in message.attachments:
            if attachment.refused:
                attachments.append(attachment)
                continue
            data = next(rest)
            scan = await self._scan_file(data)
            if scan.virus:
                metrics.count("santral_attachments_infected_total")
                log.warning("scan.infected", message=message.id, virus=scan.virus)
                codes.append("attachment.infected")
                refused = f"virus {scan.virus}"
                attachments.append(msgspec.structs.replace(attachment, refused=refused))
                continue
            if not scan.is_complete:
                codes.append("attachment.unscanned")
            attachments.append(attachment)
            clean_files.append(data)
        repaired = tuple(dict.fromkeys((*message.repaired, *codes)))
        scanned = msgspec.structs.replace(
            message, attachments=tuple(attachments), repaired=repaired
        )
        return scanned, tuple(clean_files)

    async def _scan_file(self, data: bytes) -> _Scan:
        """Return the result for a file; raise Retry when the delivery has to wait for it."""
        try:
            return _Scan(virus=await self._ask(data))
        except _TooLarge:
            return _Scan(is_complete=False)  # waiting would never help
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            if self._settings.when_away == "wait":
                text = f"the virus scanner is away: {type(error).__name__}"
                raise Retry(RECOVERY_S, text) from error
            log.warning("scan.away", why=str(error))
            return _Scan(is_complete=False)

    async def _ask(self, data: bytes) -> str | None:
        """Return the virus that clamd finds in a file, or None for a clean file."""
        if len(data) > self._settings.max_file:
            raise _TooLarge
        async with asyncio.timeout(self._settings.timeout.total_seconds()):
            reader, writer = await self._open()
            try:
                writer.write(b"zINSTREAM\0")
                for start in range(0, len(data), _CHUNK_BYTES):
                    chunk = data[start : start + _CHUNK_BYTES]
                    writer.write(len(chunk).to_bytes(4) + chunk)
                    await writer.drain()
                writer.write(bytes(4))
                await writer.drain()
                answer = await reader.readuntil(b"\0")
            finally:
                writer.close()
        match = _VIRUS.search(answer)
        if match:
            return match[1].decode("utf-8", "replace")
        if b": OK" in answer:
            return None
        if b"size limit" in answer:
            raise _TooLarge
        raise OSError(answer.decode("utf-8", "replace").strip("\0 ")[:ERROR_TEXT_LIMIT])

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address = self._settings.address
        if address.startswith("/"):
            return await asyncio.open_unix_connection(address)
        host, _, port = address.rpartition(":")
        return await asyncio.open_connection(host.strip("[]") or "127.0.0.1", int(port))
