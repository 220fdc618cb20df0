"""The name that a process keeps over a restart, so that Kafka gives its partitions back.

The name is the consumer's `group.instance.id` and the producer's `transactional.id`. A file lock
under `home/run` gives each process of a host a slot. The kernel frees the slot when the process
ends, even by SIGKILL.
"""

import fcntl
import os
import re
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from runtime.log import get
from runtime.settings.structs import Settings

log = get(__name__)

MAX_SLOTS = 1000
"""More processes of one stage than any host runs."""
_MAX_HOST_CHARS = 100
_ILLEGAL = re.compile(r"[^A-Za-z0-9._-]+")  # Kafka takes these letters in a `group.instance.id`


@dataclass(frozen=True)
class KafkaIdentity:
    """The name of this process for Kafka; `lasting` when a restarted process gets it again."""

    name: str
    lasting: bool
    _slot: int | None = field(default=None, repr=False)

    def release(self) -> None:
        """Free the slot for another process, once."""
        if self._slot is not None:
            os.close(self._slot)


def claim_identity(
    stage: str, settings: Settings, token: Callable[[], str] = lambda: secrets.token_hex(4)
) -> KafkaIdentity:
    """Return the name of the first free slot of this host.

    Two containers with one hostname have different names: a random word under `home/run` is part of
    them. Where the folder can't be locked, the name is random and not lasting.
    """
    folder = settings.home_path / "run"
    host = settings.kafka.instance or socket.gethostname()
    host = _ILLEGAL.sub("-", host)[:_MAX_HOST_CHARS]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        base = host if settings.kafka.instance else f"{host}-{_home_word(folder, token)}"
        for number in range(MAX_SLOTS):
            slot = _lock(folder / f"{stage}-{host}-{number}.lock")
            if slot is not None:
                return KafkaIdentity(f"santral-{stage}-{base}-{number}", lasting=True, _slot=slot)
    except OSError as error:
        log.warning("identity.random", folder=str(folder), why=error.strerror)
    return random_identity(stage, token)


def random_identity(
    stage: str, token: Callable[[], str] = lambda: secrets.token_hex(4)
) -> KafkaIdentity:
    """Return a name that no other process has, and that ends with this process."""
    return KafkaIdentity(f"santral-{stage}-{os.getpid()}-{token()}", lasting=False)


def _home_word(folder: Path, token: Callable[[], str]) -> str:
    """Return the random word of a home; the first process writes it."""
    path = folder / "identity"
    if not path.exists():
        draft = folder / f".identity-{token()}"
        draft.write_text(token())
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return _ILLEGAL.sub("-", path.read_text())[:_MAX_HOST_CHARS]


def _lock(path: Path) -> int | None:
    """Return the open and locked file of a slot, or None while another process has it."""
    slot = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(slot)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return slot
