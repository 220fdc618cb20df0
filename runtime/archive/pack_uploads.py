"""Uploads of packs from the local disk to the bucket, in a thread of each process that writes.

The thread uploads a pack that is full or old, and then removes the local copy. The next process on
the host uploads the packs of a process that ended.
"""

import threading
from pathlib import Path

from runtime.archive.bucket import BucketStore
from runtime.archive.durable_files import packs_without_writer
from runtime.archive.folder_archive import FolderArchive
from runtime.archive.state import ArchiveState
from runtime.log import get
from schemas.errors import Unavailable

log = get(__name__)

_CHECK_INTERVAL_S = 5.0
_RETRY_INTERVALS = 12
"""After a failure the next try comes a minute later, and so does its log line."""

_STOP_PATIENCE_S = 10.0
"""A stage that stops gives its last uploads this time; the next start continues them."""


class PackUploads:
    """The uploads of one process; `age_s` is the age at which a pack goes up though not full."""

    def __init__(
        self, local: FolderArchive, store: BucketStore, age_s: float, state: ArchiveState
    ) -> None:
        self._local, self._store, self._age_s, self._state = local, store, age_s, state
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to upload in the background."""
        self._thread = threading.Thread(target=self._run, name="pack uploads", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Upload what time permits, and end."""
        self._stopping.set()
        if self._thread is None:
            self._turn()
        else:
            self._thread.join(_STOP_PATIENCE_S)

    def waiting(self) -> int:
        """Return the number of packs on this host that wait for their upload."""
        return len(packs_without_writer(self._local.root))

    def upload(self) -> int:
        """Upload each pack that no process writes to; return how many; raise Unavailable."""
        paths = packs_without_writer(self._local.root)
        for path in paths:
            self._upload_pack(path)
        return len(paths)

    def _run(self) -> None:
        interval_s = min(_CHECK_INTERVAL_S, self._age_s)
        pause_s = interval_s
        while not self._stopping.wait(pause_s):
            pause_s = interval_s if self._turn() else interval_s * _RETRY_INTERVALS
        self._turn()

    def _turn(self) -> bool:
        """Upload what is old enough; return false, after one log line, where that fails."""
        try:
            self._local.packs.roll(self._age_s)
            if self.upload():
                self._state.worked()
        except (Unavailable, OSError) as error:
            self._state.failed(str(error))
            log.warning("archive.upload_later", why=str(error), packs=self.waiting())
            return False
        return True

    def _upload_pack(self, path: Path) -> None:
        try:
            if path.stat().st_size:
                self._store.create(f"packs/{path.name}", path)
            path.unlink()
        except FileNotFoundError:
            return  # another process of this host uploaded it
        log.info("archive.pack_uploaded", pack=path.name)
