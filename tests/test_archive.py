"""The archives: bytes come back whole, and an archive says when it can keep nothing."""

from pathlib import Path

import pytest

from runtime.archive import Folder
from runtime.archive_state import TRUST_S, ArchiveState
from schemas.errors import Unavailable


def test_an_archive_says_that_it_can_keep_nothing_and_when_it_can_again(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    archive = Folder(root)
    assert archive.problem() is None
    root.rmdir()
    root.write_bytes(b"a file is in the way")
    with pytest.raises(Unavailable):
        archive.keep(b"x")
    assert "can't be written" in (archive.problem() or "")
    root.unlink()
    archive.keep(b"x")
    assert archive.problem() is None


def test_a_probe_decides_where_the_last_write_was_long_ago() -> None:
    now, broken = 0.0, False

    def probe() -> None:
        if broken:
            raise Unavailable("the disk is full")

    state = ArchiveState(probe, lambda: now)
    assert state.problem() is None
    broken = True
    assert state.problem() is None, "the last outcome is young enough"
    now += TRUST_S + 1
    assert state.problem() == "the disk is full"
    broken = False
    now += TRUST_S + 1
    assert state.problem() is None
