"""Small texts and secrets that sources keep over a restart, each in a file of one folder.

`load_state` and `save_state` of a source's context read and write them. Only the process's own
user may read the files.
"""

import os
from pathlib import Path


class StateFolder:
    """The folder of all sources; a name that a source chose is a file's name."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "secrets"

    def load(self, name: str) -> str | None:
        """Return the text under a name, or None."""
        try:
            return (self._folder / name).read_text()
        except FileNotFoundError:
            return None

    def save(self, name: str, value: str) -> None:
        """Write the text under a name; a crash leaves the old one or the new one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._folder / f".{name}.{os.getpid()}"
        temporary.touch(mode=0o600)
        temporary.write_text(value)
        temporary.replace(self._folder / name)
