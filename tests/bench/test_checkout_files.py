"""A checkout reads what another one wrote, and finds each difference."""

import json
from pathlib import Path

import pytest

from bench.checkout_files import RECORDS_PER_TOPIC, read, write


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that a checkout writes."""
    folder = tmp_path_factory.mktemp("files")
    write(folder)
    return folder


def test_a_checkout_reads_every_record_row_and_delivery(written: Path) -> None:
    topics = list((written / "records").iterdir())
    counts = read(written)
    assert len(topics) >= 12
    assert counts["records"] == RECORDS_PER_TOPIC * len(topics)
    assert counts["rows"] >= RECORDS_PER_TOPIC * 6
    assert counts["deliveries"] == 30


def test_a_row_that_differs_is_named(written: Path) -> None:
    path = written / "rows.json"
    original = path.read_text(encoding="utf-8")
    rows = json.loads(original)
    rows["dead"][0]["code"] = "another"
    path.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(ValueError, match=r"dead\[0\]\.code: .* instead of 'another'"):
        read(written)
    path.write_text(original, encoding="utf-8")


def test_a_delivery_that_is_gone_is_named(written: Path, tmp_path: Path) -> None:
    packs = written / "archive" / "packs"
    packs.rename(tmp_path / "packs")
    with pytest.raises(ValueError, match="archive: "):
        read(written)
    (tmp_path / "packs").rename(packs)
