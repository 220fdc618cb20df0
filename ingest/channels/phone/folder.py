"""Watches a folder for transcripts, which other programs write there."""

import asyncio
from pathlib import Path

from ingest.channel import Delivery
from ingest.channels.phone.account import Account
from ingest.source import Accept, CursorStore, SourceContext
from schemas.delays import OUTAGE_S
from schemas.errors import Retry

_UNFINISHED_SUFFIXES = (".part", ".tmp", ".filepart", ".crdownload")
_MAX_FILE_BYTES = 64 * 1024 * 1024
_TAKEN = "taken"
"""The folder within the watched one to which a file moves once it is safe."""

_FileState = tuple[int, int]
"""Size and time of the last change, in nanoseconds."""


class FolderSource:
    """A watched folder. It takes a file that did not change between two looks.

    A name that begins with a dot or has the suffix of an unfinished copy is left alone.
    """

    patient = True

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._context = account, context
        self._folder, self._poll_s = Path(settings.folder), settings.poll_s
        self._states: dict[str, _FileState] = {}

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Look into the folder for ever; raise Retry when it can't be read."""
        while True:
            for path in await asyncio.to_thread(self._finished_files):
                await self._take(path, accept)
            self._context.report_pass(f"phone:{self._account}")
            await self._context.pause(self._poll_s)

    def _finished_files(self) -> list[Path]:
        """Return the files that did not change since the last look."""
        states: dict[str, _FileState] = {}
        try:
            for path in sorted(self._folder.iterdir()):
                is_unfinished = path.name.startswith(".") or path.suffix in _UNFINISHED_SUFFIXES
                if is_unfinished or not path.is_file():
                    continue
                status = path.stat()
                states[path.name] = (status.st_size, status.st_mtime_ns)
        except OSError as error:
            raise Retry(OUTAGE_S, f"{self._folder} can't be read: {error.strerror}") from error
        finished = [name for name, state in states.items() if self._states.get(name) == state]
        self._states = states
        return [self._folder / name for name in finished]

    async def _take(self, path: Path, accept: Accept) -> None:
        """Hand a file over and move it away; a file that is too large stays where it is."""
        try:
            size = (await asyncio.to_thread(path.stat)).st_size
            if size > _MAX_FILE_BYTES:
                self._context.warn("file.too_large", path=path.name, size=size)
                return
            raw = await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise Retry(OUTAGE_S, f"{path.name} can't be read: {error.strerror}") from error
        now = self._context.now()
        await accept(Delivery(raw=raw, account=self._account, received_at=now, hint=path.name))
        await asyncio.to_thread(self._move_away, path)

    def _move_away(self, path: Path) -> None:
        """Move a file to `taken/`, over one of the same name that was taken before."""
        folder = self._folder / _TAKEN
        try:
            folder.mkdir(exist_ok=True)
            path.replace(folder / path.name)
        except OSError as error:
            raise Retry(
                OUTAGE_S, f"{path.name} can't be moved to {_TAKEN}/: {error.strerror}"
            ) from error
        self._states.pop(path.name, None)
