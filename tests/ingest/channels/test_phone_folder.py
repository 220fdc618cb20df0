"""A watched folder hands over finished files, and moves them away once they are safe."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ingest.channel import Delivery
from ingest.channels.phone import Phone
from ingest.channels.phone.account import Account
from ingest.source import Source, SourceContext
from schemas.errors import Retry
from tests.support.ingest.phone_calls import CALL_ACCEPTED_AT
from tests.support.messages import MemoryCursors


class _Over(Exception):
    """The last look of a test."""


def _watch(folder: Path, looks: int, between: Callable[[int], None] = lambda _look: None) -> Source:
    """Return the source of a folder, which raises _Over after this number of looks.

    `between` is called after each look with its number.
    """
    count = 0

    async def pause(_seconds: float) -> None:
        nonlocal count
        count += 1
        between(count)
        if count == looks:
            raise _Over

    context = SourceContext(
        now=lambda: CALL_ACCEPTED_AT,
        pause=pause,
        warn=lambda *_a, **_k: None,
        report_pass=lambda _source: None,
    )
    return Phone().source("a", Account(folder=str(folder)), context)


async def _file_names(source: Source) -> list[str]:
    """Return the names of the files that a source hands over."""
    names: list[str] = []

    async def accept(delivery: Delivery) -> None:
        names.append(delivery.hint or "")

    with pytest.raises(_Over):
        await source.run(accept, MemoryCursors())
    return names


async def test_a_file_is_handed_over_once_and_moved_away(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Müşteri: bir\nMT: iki")
    assert await _file_names(_watch(tmp_path, looks=4)) == ["a.txt"]
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["a.txt"]


async def test_a_file_that_still_grows_waits(tmp_path: Path) -> None:
    def grow(look: int) -> None:
        if look <= 3:
            (tmp_path / "a.txt").write_text("Müşteri: bir" + " ve iki" * look)

    assert await _file_names(_watch(tmp_path, looks=4, between=grow)) == []
    assert (tmp_path / "a.txt").exists()
    assert await _file_names(_watch(tmp_path, looks=2)) == ["a.txt"]


async def test_a_hidden_and_an_unfinished_file_stay(tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "b.txt.part").write_text("x")
    assert await _file_names(_watch(tmp_path, looks=3)) == []
    assert {path.name for path in tmp_path.iterdir()} == {".hidden", "b.txt.part"}


async def test_a_file_that_kafka_does_not_have_stays(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Müşteri: bir")

    async def refuse(_delivery: Delivery) -> None:
        raise Retry(1, "Kafka is away")

    with pytest.raises(Retry, match="Kafka is away"):
        await _watch(tmp_path, looks=3).run(refuse, MemoryCursors())
    assert (tmp_path / "a.txt").exists()


async def test_a_missing_folder_is_tried_again_later(tmp_path: Path) -> None:
    with pytest.raises(Retry, match="can't be read"):
        await _file_names(_watch(tmp_path / "missing", looks=1))
