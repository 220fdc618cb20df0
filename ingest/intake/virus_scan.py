"""A virus scanner for what comes with messages: ClamAV's INSTREAM over TCP or a Unix socket.

Before: accept.py has a message's files. After: an infected file is not kept and the message says
so; its bytes stay in the raw archive alone, for whoever must look. Off by default. When the scanner
is away the delivery waits where it came from, or goes on marked `unscanned` (`when_away`).
Source: clamd(8), INSTREAM.
"""

import asyncio
import re
from collections.abc import Sequence

import msgspec

from runtime import metrics
from runtime.log import get
from runtime.settings.structs import ScanSettings
from schemas.delays import RECOVERY_S
from schemas.errors import ERROR_TEXT_LIMIT, Retry, SantralError
from schemas.message import Attachment, Message

log = get(__name__)

_CHUNK = 256 * 1024
_FOUND = re.compile(rb"stream: (.+) FOUND")


class _TooLarge(SantralError):
    """More than the scanner takes."""


class Scanner:
    """Asks clamd about files."""

    def __init__(self, settings: ScanSettings) -> None:
        self._settings = settings

    async def checked(
        self, message: Message, files: Sequence[bytes]
    ) -> tuple[Message, tuple[bytes, ...]]:
        """Return the message and the files that may be kept; raise Retry when it has to wait."""
        if not files or not self._settings.address:
            return message, tuple(files)
        attachments: list[Attachment] = []
        kept: list[bytes] = []
        codes: list[str] = []
        # A refused attachment has no bytes here: the others stand in the files' order.
        rest = iter(files)
        for attachment in message.attachments:
            if attachment.refused:
                attachments.append(attachment)
                continue
            data = next(rest)
            try:
                virus = await self._ask(data)
            except _TooLarge:
                virus, codes = None, [*codes, "attachment.unscanned"]  # waiting would never help
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                if self._settings.when_away == "wait":
                    raise Retry(
                        RECOVERY_S, f"the virus scanner is away: {type(error).__name__}"
                    ) from error
                log.warning("scan.away", why=str(error))
                virus, codes = None, [*codes, "attachment.unscanned"]
            if virus:
                metrics.count("santral_attachments_infected_total")
                log.warning("scan.infected", message=message.id, virus=virus)
                codes.append("attachment.infected")
                attachments.append(_refused(attachment, f"virus {virus}"))
                continue
            attachments.append(attachment)
            kept.append(data)
        repaired = tuple(dict.fromkeys((*message.repaired, *codes)))
        made = msgspec.structs.replace(message, attachments=tuple(attachments), repaired=repaired)
        return made, tuple(kept)

    async def _ask(self, data: bytes) -> str | None:
        """Return the name of what is in the file, None when it is clean."""
        if len(data) > self._settings.max_file:
            raise _TooLarge
        async with asyncio.timeout(self._settings.timeout.total_seconds()):
            reader, writer = await self._open()
            try:
                writer.write(b"zINSTREAM\0")
                for at in range(0, len(data), _CHUNK):
                    piece = data[at : at + _CHUNK]
                    writer.write(len(piece).to_bytes(4) + piece)
                    await writer.drain()
                writer.write(bytes(4))
                await writer.drain()
                answer = await reader.readuntil(b"\0")
            finally:
                writer.close()
        found = _FOUND.search(answer)
        if found:
            return found[1].decode("utf-8", "replace")
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


def _refused(attachment: Attachment, why: str) -> Attachment:
    return msgspec.structs.replace(attachment, refused=why)
