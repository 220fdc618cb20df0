"""The pinned jars of Apache Kafka, which the first start downloads.

kafka_jars.txt pins every jar with its sha256, which each download must match. A second start needs
no network. `python -m cli.up.kafka_jars FOLDER` downloads them, too, for `make jars`.
"""

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TextIO

from schemas.errors import Unavailable

PINS = Path(__file__).parent / "kafka_jars.txt"
NOT_INSTALLED = "the local profile is not installed: `pip install santral[local]`, or `make run`"

OnProgress = Callable[[int, int], None]
"""Called before each jar with the bytes downloaded so far, and the bytes in all."""


@dataclass(frozen=True)
class Jar:
    """One pinned jar."""

    group: str
    artifact: str
    version: str
    digest: str
    size: int

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"


def pins() -> list[Jar]:
    """Return the pinned jars."""
    jars = []
    for line in PINS.read_text().splitlines():
        coordinates, digest, size = line.split()
        group, artifact, version = coordinates.split(":")
        jars.append(Jar(group, artifact, version, digest, int(size)))
    return jars


def _is_intact(path: Path, jar: Jar) -> bool:
    try:
        return sha256(path.read_bytes()).hexdigest() == jar.digest
    except OSError:
        return False


def fetch(folder: Path, progress: OnProgress, jars: Sequence[Jar] | None = None) -> None:
    """Download every missing or damaged jar into `folder`; check each by its sha256.

    One after the other, because the registry answers parallel requests more slowly. Raises
    Unavailable with advice when a download fails or differs from its pin.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jars = pins() if jars is None else jars
    missing = [j for j in jars if not _is_intact(folder / j.name, j)]
    total = sum(j.size for j in jars)
    done = total - sum(j.size for j in missing)
    for jar in missing:
        progress(done, total)
        # jgo keeps the rest of a cut download as a complete one, so each try has a fresh cache.
        for last in (False, True):
            with tempfile.TemporaryDirectory(dir=folder) as cache:
                if _fetch_jar(jar, Path(cache), folder, last=last):
                    break
        done += jar.size
    if missing:
        progress(done, total)


class DownloadProgress:
    """Shows the download's progress: on a terminal in one line that it rewrites, elsewhere in
    a line for each quarter."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._quarter = stream, -1

    def __call__(self, done: int, of: int) -> None:
        """Show the bytes so far and in all."""
        text = f"downloading Apache Kafka: {done / 1e6:.0f} of {of / 1e6:.0f} MB ({done / of:.0%})"
        quarter, terminal = 4 * done // of, self._stream.isatty()
        if terminal:
            self._stream.write(f"\r{text}" + ("\n" if done == of else ""))
        elif quarter != self._quarter:
            self._stream.write(f"{text}\n")
        self._quarter = quarter
        self._stream.flush()


def _fetch_jar(jar: Jar, cache: Path, folder: Path, *, last: bool) -> bool:
    """Download one jar; return whether it is what is pinned, raise Unavailable on the last try."""
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise Unavailable(NOT_INSTALLED) from error
    try:
        context = MavenContext(repo_cache=cache, resolver=PythonResolver(), timeout=60)
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        data = Path(artifact.resolve()).read_bytes()
    except (OSError, RuntimeError, AssertionError) as error:
        if not last:
            return False
        raise Unavailable(
            f"{jar.name} can't be downloaded ({type(error).__name__}). The first start needs the "
            "network: check it and start again; what is here already is kept."
        ) from error
    digest = sha256(data).hexdigest()
    if digest != jar.digest:
        if not last:
            return False
        raise Unavailable(
            f"{jar.name} came damaged, twice (sha256 {digest[:12]}…, pinned {jar.digest[:12]}…). "
            "Nothing of it was kept: start again, or look for a proxy between this machine "
            "and the registry."
        )
    unfinished = folder / f".{jar.name}.part"
    unfinished.write_bytes(data)
    unfinished.replace(folder / jar.name)
    return True


def main() -> None:
    """Fetch the jars into the folder named on the command line: `make jars`."""
    try:
        fetch(Path(sys.argv[1]), DownloadProgress(sys.stdout))
    except Unavailable as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    main()
