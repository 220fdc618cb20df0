"""An archive in a bucket of a store that speaks S3 (Amazon, MinIO, Ceph, Cloudflare R2).

Long deliveries and files go to the bucket at once, under their sha256. Short deliveries go into
packs on the local disk, and pack_uploads.py uploads the packs.
"""

import re
import socket
from hashlib import sha256
from pathlib import Path

import msgspec

from runtime.archive.bucket import BucketStore
from runtime.archive.folder_archive import (
    PACKED_BYTES,
    FolderArchive,
    is_digest,
    pack_position,
    verified,
)
from runtime.archive.pack_uploads import PackUploads
from runtime.archive.protocol import Archive
from runtime.archive.state import ArchiveState
from runtime.log import get
from runtime.settings.structs import ArchiveSettings
from schemas.errors import Unavailable
from schemas.message import Raw

log = get(__name__)

_PACK_LIMIT_BYTES = 32 * 1024 * 1024
"""A pack is one upload, and it waits in memory meanwhile."""


class BucketArchive(Archive):
    """A bucket and a local folder; any host with the settings reads what is uploaded."""

    def __init__(self, settings: ArchiveSettings, local: Path, *, uploads: bool) -> None:
        self._local = FolderArchive(local, _PACK_LIMIT_BYTES)
        self._store = BucketStore(settings)
        self._state = ArchiveState(self._store.probe)
        self._host = _host_name()
        self._uploads = PackUploads(
            self._local, self._store, settings.upload_after.total_seconds(), self._state
        )
        if uploads:
            self._uploads.start()

    def append(self, data: bytes) -> Raw:
        """Keep a long delivery in the bucket, a short one on the local disk until `flush`."""
        if len(data) > PACKED_BYTES:
            digest = self.keep(data)
            return Raw(sha256=digest, size=len(data), ref=f"sha256:{digest}")
        raw = self._local.append(data)
        return msgspec.structs.replace(raw, ref=f"{raw.ref}:{self._host}")

    def flush(self) -> None:
        """Return once the local disk has every delivery appended before."""
        self._local.flush()

    def keep(self, data: bytes) -> str:
        """Keep a file in the bucket under its sha256, unless it is there."""
        digest = sha256(data).hexdigest()
        try:
            self._store.create(_key(digest), data)
        except Unavailable as error:
            self._state.failed(str(error))
            raise
        self._state.worked()
        return digest

    def read(self, raw: Raw) -> bytes | None:
        """Return a delivery from the local disk or the bucket."""
        position = pack_position(raw)
        if position is None:
            return self.read_file(raw.sha256)
        data = self._local.read(raw)
        if data is None:
            name, offset, _ = position
            stored = self._store.read_range(f"packs/{name}", offset, raw.size)
            data = verified(raw.sha256, stored) if stored is not None else None
        return data

    def read_file(self, digest: str) -> bytes | None:
        """Return a kept file from the local disk or the bucket."""
        if not is_digest(digest):
            return None
        data = self._local.read_file(digest)
        if data is None:
            stored = self._store.read(_key(digest))
            data = verified(digest, stored) if stored is not None else None
        return data

    def explain_missing(self, raw: Raw) -> str:
        """Return which host has a delivery that is not in the bucket yet."""
        position = pack_position(raw)
        if position is None or not position[2]:
            return f"the archive {self._store.url} has no bytes for {raw.ref}, or damaged ones"
        host = position[2]
        if host == self._host:
            return f"neither this host ({host}) nor {self._store.url} has the pack {position[0]}"
        return (
            f"the bytes are on the host {host} until it uploads its pack {position[0]} to "
            f"{self._store.url}. Start Santral there or wait, then try again"
        )

    def problem(self) -> str | None:
        """Return why nothing can be kept now: the local disk, then the bucket."""
        trouble = self._local.problem() or self._state.problem()
        waiting = self._uploads.waiting() if trouble else 0
        return f"{trouble} {waiting} packs wait for their upload." if waiting else trouble

    def close(self) -> None:
        """Flush, and upload what time permits; a restart continues."""
        self._local.close()
        self._uploads.stop()


def _key(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


def _host_name() -> str:
    """Return this host's name without the signs that part a reference."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:80] or "unknown"
