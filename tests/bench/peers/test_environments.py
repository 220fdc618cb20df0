"""A peer has an environment of its own with pinned versions, or a reason why not."""

import re
from importlib.metadata import version
from pathlib import Path

import pytest

from bench.peers.environments import PEERS, Peer, install_peer, requirements
from schemas.errors import Unavailable
from tests.support.paths import ROOT

PEER = Peer("Example", "bench.peers.example", ("example==1.0",))


def test_every_requirement_is_pinned() -> None:
    for peer in PEERS:
        for line in requirements(peer).splitlines():
            assert re.fullmatch(r"[\w.\[\]-]+==[\w.]+", line), line


def test_a_peer_has_the_versions_with_which_we_decide() -> None:
    assert f"msgspec=={version('msgspec')}" in requirements(PEER).splitlines()


def test_the_module_of_a_peer_exists_and_is_short() -> None:
    for peer in PEERS:
        path = ROOT / (peer.module.replace(".", "/") + ".py")
        assert len(path.read_text().splitlines()) <= 65, path


def test_an_environment_with_the_same_versions_is_used_again(tmp_path: Path) -> None:
    home = tmp_path / "example"
    home.mkdir()
    (home / "installed.txt").write_text(requirements(PEER))
    assert install_peer(PEER, tmp_path) == str(home / "bin" / "python")


def test_a_peer_that_cannot_be_installed_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "example").write_text("a file instead of a folder")
    with pytest.raises(Unavailable, match="example"):
        install_peer(PEER, tmp_path)
