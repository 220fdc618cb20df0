"""A virtual environment for each peer, with pinned versions, under .cache/bench/peers."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from schemas.errors import Unavailable
from tests.support.paths import ROOT

FOLDER = ROOT / ".cache" / "bench" / "peers"
_DECISION_NEEDS = ("ahocorasick-rs", "msgspec", "numpy")
"""The packages that the decision imports; a peer gets the versions of this environment."""

_INSTALLED = "installed.txt"
_INSTALL_LIMIT_S = 600


@dataclass(frozen=True)
class Peer:
    """A framework with its module in this package, and the packages that it needs."""

    name: str
    module: str
    requirements: tuple[str, ...]


PLAIN_CONFLUENT = Peer(
    "plain confluent-kafka", "bench.peers.plain_confluent", ("confluent-kafka==2.16.1",)
)
PEERS = (
    PLAIN_CONFLUENT,
    Peer("plain aiokafka", "bench.peers.plain_aiokafka", ("aiokafka==0.14.0",)),
    Peer("Quix Streams", "bench.peers.quix_streams", ("quixstreams==3.28.1",)),
    Peer("FastStream", "bench.peers.fast_stream", ("faststream[kafka]==0.7.8", "aiokafka==0.14.0")),
    Peer("Faust", "bench.peers.faust_agent", ("faust-streaming==0.15.3", "aiokafka==0.14.0")),
)


def requirements(peer: Peer) -> str:
    """Return the requirements file of a peer's environment."""
    needs = (f"{name}=={version(name)}" for name in _DECISION_NEEDS)
    return "".join(f"{line}\n" for line in (*peer.requirements, *needs))


def install_peer(peer: Peer, folder: Path = FOLDER) -> str:
    """Return the Python of a peer's environment, which is made at its first use.

    Raises Unavailable with the reason why it can't be installed.
    """
    home = folder / peer.module.rpartition(".")[2]
    python, installed = home / "bin" / "python", home / _INSTALLED
    wanted = requirements(peer)
    try:
        if not installed.is_file() or installed.read_text() != wanted:
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            _install(str(python), wanted, home)
            installed.write_text(wanted)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    return str(python)


def _install(python: str, wanted: str, home: Path) -> None:
    """Make an environment and install its requirements."""
    file = home / "requirements.txt"
    file.write_text(wanted)
    _run(sys.executable, "-m", "venv", str(home))
    _run(python, "-m", "pip", "install", "--quiet", "--requirement", str(file))


def _run(*command: str) -> None:
    """Run a command; raise Unavailable with the last error that it printed."""
    result = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_LIMIT_S)
    if result.returncode == 0:
        return
    lines = (result.stderr or result.stdout).strip().splitlines()
    errors = [line for line in lines if line.startswith("ERROR")] or lines
    raise Unavailable(errors[-1] if errors else f"{command[0]} ended with {result.returncode}")
