"""Lets Python import the compiled copies of the router's pure modules, where `make compiled` ran.

The package santral_compiled has copies that mypyc compiled. They compute the same in less time. A
build of other sources never runs, so an edit of a module takes effect at once, without the copies.
docs/decisions/0026-compiled-modules.md has the figures.
"""

import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import msgspec

FOLDER = Path(sysconfig.get_path("purelib")) / "santral_compiled"
"""The place of the build in this environment."""

BUILD_FILE = "build.json"
SWITCH = "SANTRAL_COMPILED"
"""The variable of the environment that is `off` where the pure modules must run."""

SOURCE_PACKAGES = ("router", "runtime", "schemas")
"""The packages of the compiled modules and of everything that they import of ours."""

ROOT = Path(__file__).parents[1]


class Build(msgspec.Struct, frozen=True):
    """The compiled modules of a build, and the hash of the sources that it was made of."""

    modules: frozenset[str]
    sources: str


class Status(Enum):
    """Which modules run, and why."""

    IN_USE = "compiled modules in use"
    ABSENT = "pure modules, `make compiled` makes the compiled ones"
    OFF = f"pure modules, because {SWITCH} is off"
    STALE = "pure modules, because the compiled ones are of other sources: run `make compiled`"
    LATE = "pure modules, because some were imported before the compiled ones could be"


def activate(environ: Mapping[str, str] = os.environ, folder: Path = FOLDER) -> Status:
    """Let Python import the modules of a build from now on, if it is one of these sources."""
    status, build = _find_build(environ, folder)
    if build is None or folder in _active_folders():
        return status
    if not build.modules.isdisjoint(sys.modules):
        return Status.LATE
    sys.path.append(str(folder))  # has the library that all compiled modules share
    sys.meta_path.insert(0, _CompiledFinder(folder, build.modules))
    return status


def find_status(environ: Mapping[str, str] = os.environ, folder: Path = FOLDER) -> Status:
    """Return which modules a router would run that starts now."""
    return _find_build(environ, folder)[0]


class _CompiledFinder(MetaPathFinder):
    """Finds the compiled modules of a build before Python looks for their sources."""

    def __init__(self, folder: Path, modules: frozenset[str]) -> None:
        self.folder, self._modules = folder, modules

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a compiled module is, None for any other module."""
        if fullname not in self._modules:
            return None
        *packages, _ = fullname.split(".")
        return PathFinder.find_spec(fullname, [str(self.folder.joinpath(*packages))], target)


def _active_folders() -> list[Path]:
    """Return the folders of the builds that Python imports already."""
    return [finder.folder for finder in sys.meta_path if isinstance(finder, _CompiledFinder)]


def _find_build(environ: Mapping[str, str], folder: Path) -> tuple[Status, Build | None]:
    """Return the build of a folder if it may run, and the status that says why not."""
    if environ.get(SWITCH) == "off":
        return Status.OFF, None
    try:
        build = msgspec.json.decode((folder / BUILD_FILE).read_bytes(), type=Build)
    except FileNotFoundError:
        return Status.ABSENT, None
    if build.sources != hash_sources(ROOT):
        return Status.STALE, None
    return Status.IN_USE, build


def hash_sources(root: Path) -> str:
    """Return the hash of the sources below a folder that has the packages."""
    digest = sha256()
    for path in sorted(source_files(root)):
        source = path.read_bytes()
        digest.update(f"{path.relative_to(root)} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def source_files(root: Path) -> Iterable[Path]:
    """Yield the Python files of the packages below a folder."""
    for package in SOURCE_PACKAGES:
        yield from (root / package).rglob("*.py")
