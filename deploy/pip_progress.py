"""Runs pip and shows its progress: packages and megabytes in one line instead of silence.

deploy/venv.sh runs it. It ends with pip's own exit code and, where pip failed, its last lines. It
uses only the standard library, because it runs before anything is installed.

    python deploy/pip_progress.py REQUIREMENTS SITE_PACKAGES PIP_COMMAND…
"""

import re
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

_SIZE = re.compile(r"^\s*(?:Downloading|Using cached) \S+ \(([\d.]+) (kB|MB|GB)\)")
_MB = {"kB": 0.001, "MB": 1.0, "GB": 1000.0}
_EVERY_S = 1.0 if sys.stdout.isatty() else 10.0


class PipProgress:
    """Pip's progress, from its own output and from the folder that it fills."""

    def __init__(self, requirements: Path, folder: Path) -> None:
        self.last: deque[str] = deque(maxlen=20)
        self._folder, self._began = folder, time.monotonic()
        self._wanted = sum("==" in line for line in requirements.read_text().splitlines())
        self._collected, self._mb, self._unpacking = 0, 0.0, 0
        self._shown = ""

    def read(self, line: str) -> None:
        """Take one line of pip's output."""
        self.last.append(line)
        self._collected += line.startswith("Collecting ")
        if size := _SIZE.match(line):
            self._mb += float(size[1]) * _MB[size[2]]
        if line.startswith("Installing collected packages: "):
            self._unpacking = line.count(",") + 1

    def show(self) -> None:
        """Write the line; on a terminal it replaces the line before."""
        text = f"  {self._text()}, {time.monotonic() - self._began:.0f} s"
        if sys.stdout.isatty():
            sys.stdout.write("\r" + text.ljust(len(self._shown)))
        else:
            sys.stdout.write(text + "\n")
        sys.stdout.flush()
        self._shown = text

    def _text(self) -> str:
        if not self._unpacking:
            return f"fetched {self._collected} of {self._wanted} packages, {self._mb:.0f} MB"
        done = sum(1 for _ in self._folder.glob("*.dist-info"))
        done = min(done, self._unpacking)
        return f"unpacked {done} of {self._unpacking} packages ({self._mb:.0f} MB)"


def main() -> int:
    """Run pip, show a line every few seconds."""
    requirements, folder, *command = sys.argv[1:]
    progress = PipProgress(Path(requirements), Path(folder))
    ended = threading.Event()

    def show() -> None:
        while not ended.wait(_EVERY_S):
            progress.show()

    showing = threading.Thread(target=show)
    showing.start()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            progress.read(line.rstrip("\n"))
    ended.set()
    showing.join()
    progress.show()
    sys.stdout.write("\n" if sys.stdout.isatty() else "")
    if pip.returncode:
        sys.stderr.write("\n".join(progress.last) + "\n")
    return pip.returncode


if __name__ == "__main__":
    sys.exit(main())
