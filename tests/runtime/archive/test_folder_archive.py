"""The archive in a folder gives back exactly the bytes that it took."""

from pathlib import Path

import msgspec
import pytest

from runtime.archive.folder_archive import FolderArchive
from schemas.errors import Unavailable


def test_an_archive_returns_the_bytes_of_two_writers(tmp_path: Path) -> None:
    archive, other = FolderArchive(tmp_path), FolderArchive(tmp_path)
    contents = (b"one", b"", b"x" * 100_000)
    references = [archive.put(content) for content in contents]
    second = other.put(b"two")
    for reference, content in zip([*references, second], [*contents, b"two"], strict=True):
        assert FolderArchive(tmp_path).read(reference) == content


def test_a_file_is_under_its_digest(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    assert archive.path(archive.keep(b"file")).read_bytes() == b"file"


@pytest.mark.parametrize(
    "changes",
    [
        {"ref": "pack:../../etc/passwd:0"},
        {"ref": "pack:0123456789:0"},
        {"sha256": "0" * 64},
        {"ref": "x", "sha256": "../x"},
        {"size": 2},
    ],
)
def test_a_wrong_reference_gives_nothing(tmp_path: Path, changes: dict[str, str | int]) -> None:
    archive = FolderArchive(tmp_path)
    reference = archive.put(b"one")
    assert archive.read(msgspec.structs.replace(reference, **changes)) is None


def test_an_archive_that_can_not_be_written_accepts_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(Unavailable, match="can't be written"):
        FolderArchive(blocked).put(b"x")
    with pytest.raises(Unavailable, match="can't be written"):
        FolderArchive(blocked).keep(b"x")
