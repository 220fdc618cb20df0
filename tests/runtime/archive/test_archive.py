"""The archives keep one contract: bytes come back whole, and a failure shows before acceptance."""

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cli.check import check_bucket
from cli.up.ports import free_port
from runtime.archive.durable_files import PACKS, Packs
from runtime.archive.folder_archive import FolderArchive
from runtime.archive.group_commit import GroupCommit
from runtime.archive.opening import open_archive
from runtime.archive.protocol import Archive
from runtime.archive.state import TRUST_S, ArchiveState
from runtime.settings.load import load
from runtime.settings.structs import Settings
from schemas.errors import ConfigError, Unavailable
from schemas.message import Raw
from tests.support.ingest.archive_bucket import bucket_settings
from tests.support.servers.s3 import S3
from tests.support.waiting import until

Open = Callable[[], Archive]
LONG = 70_000  # bytes, above what packs take


@pytest.fixture(params=["folder", "bucket"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Open the same archive again and again, without uploads in the background."""
    if request.param == "folder":
        return lambda: open_archive(Settings(home=str(tmp_path)))
    s3: S3 = request.getfixturevalue("s3")
    return lambda: open_archive(bucket_settings(tmp_path, s3.url))


def test_another_process_reads_the_stored_bytes(opened: Open) -> None:
    archive, writer = opened(), opened()
    sizes = (0, 1, 65_536, 65_537, LONG)
    for size in sizes:
        data = os.urandom(size)
        for raw in (archive.put(data), writer.put(data)):
            assert (raw.size, len(raw.sha256)) == (size, 64)
            assert opened().read(raw) == data
    digest = archive.keep(b"file")
    assert archive.keep(b"file") == digest
    assert opened().read_file(digest) == b"file"


def test_any_bytes_in_any_order_come_back(tmp_path: Path, s3: S3) -> None:
    archives = (
        FolderArchive(tmp_path / "a"),
        open_archive(bucket_settings(tmp_path / "b", s3.url)),
    )

    @hypothesis_settings(max_examples=10)
    @given(st.lists(st.one_of(st.binary(max_size=300), st.just(bytes(LONG))), max_size=12))
    def keep(deliveries: list[bytes]) -> None:
        for archive in archives:
            raws = [archive.append(data) for data in deliveries]
            archive.flush()
            assert [archive.read(raw) for raw in raws] == deliveries

    keep()


def test_damaged_and_foreign_references_give_nothing(opened: Open, tmp_path: Path) -> None:
    archive = opened()
    short, long = archive.put(b"one"), archive.put(bytes(LONG))
    replace = msgspec.structs.replace
    for wrong in (
        replace(short, ref="pack:../../etc/passwd:0"),
        replace(short, ref="pack:0123456789:0:h"),
        replace(short, sha256="0" * 64),
        replace(short, size=2),
        replace(long, sha256="0" * 64),
        Raw(sha256="../x", size=1, ref="x"),
    ):
        assert archive.read(wrong) is None, wrong
        assert archive.explain_missing(wrong)
    assert archive.read_file("../../etc/passwd") is None
    (pack,) = (
        path for path in tmp_path.rglob(f"{PACKS}/*") if path.read_bytes().startswith(b"one")
    )
    pack.write_bytes(b"oNe")
    assert opened().read(short) is None


def test_an_archive_without_a_disk_keeps_nothing(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"a file is in the way")
    archive = opened()
    with pytest.raises(Unavailable, match="can't be written"):
        archive.put(b"x")
    assert "can't be written" in (archive.problem() or "")
    (tmp_path / "archive").unlink()
    archive.put(b"x")
    assert archive.problem() is None


def _run_apart(work: Callable[..., None], *args: object) -> None:
    """Run something in a process of its own, which then ends at once."""
    process = multiprocessing.get_context("fork").Process(target=work, args=args)
    process.start()
    process.join()


def _fill_disk(root: str, pipe: "multiprocessing.connection.Connection") -> None:
    """Report how an archive fails on a file that may not grow: a disk that fills in a write."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    archive = FolderArchive(Path(root))
    raws = [archive.put(bytes([number]) * 1000) for number in range(3)]
    resource.setrlimit(resource.RLIMIT_FSIZE, (3500, resource.RLIM_INFINITY))
    try:
        archive.put(b"x" * 1000)
    except Unavailable as error:
        refused = str(error)
    problem = archive.problem()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    raws.append(archive.put(b"y" * 1000))
    pipe.send(([raw.ref for raw in raws], [archive.read(r) for r in raws], refused, problem))


def test_a_disk_that_fills_in_the_middle_of_a_write_costs_that_delivery_alone(
    tmp_path: Path,
) -> None:
    ours, theirs = multiprocessing.Pipe()
    _run_apart(_fill_disk, str(tmp_path), theirs)
    refs, read, refused, problem = ours.recv()
    assert [data[:1] for data in read] == [b"\0", b"\1", b"\2", b"y"]
    assert refs[-1].endswith(":0"), "another pack, since the end of the first is not known"
    assert "File too large" in refused
    assert problem


def test_threads_that_wait_for_the_disk_share_one_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, gate = [], threading.Event()

    def fsync(handle: int) -> None:
        calls.append(handle)
        gate.wait(5)

    packs = Packs(tmp_path, 1_000_000)
    packs.append(b"x")
    packs.flush()
    monkeypatch.setattr(os, "fdatasync", fsync)
    waiting = []
    for _ in range(20):
        packs.append(b"x")
        waiting.append(threading.Thread(target=packs.flush))
        waiting[-1].start()
    gate.set()
    for thread in waiting:
        thread.join()
    assert 1 <= len(calls) <= 3


def test_a_write_that_the_disk_lost_is_never_called_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = FolderArchive(tmp_path)
    archive.put(b"x")

    def lose(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    lost = archive.append(b"lost")
    monkeypatch.setattr(os, "fdatasync", lose)
    with pytest.raises(Unavailable, match="Input/output error"):
        archive.flush()
    monkeypatch.undo()
    later = archive.put(b"later")
    assert later.ref.split(":")[1] != lost.ref.split(":")[1], "a pack of its own"


async def test_deliveries_of_one_moment_share_a_flush_and_its_failure() -> None:
    calls = []

    def flush() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Unavailable("the disk is full")

    commit = GroupCommit(flush)
    first = [commit.request() for _ in range(50)]
    await asyncio.gather(*first)
    assert len(calls) == 1
    second = [commit.request() for _ in range(3)]
    for future in second:
        with pytest.raises(Unavailable, match="full"):
            await future
    await commit.request()
    assert len(calls) == 3


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


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("gs://bucket/x", "unknown scheme 'gs'"),
        ("s3:/bucket/x", "not complete"),
        ("s3://", "not complete"),
        ("file://host/x", "not complete"),
        ("https://bucket.s3.amazonaws.com/x", "unknown scheme"),
    ],
)
def test_an_unknown_kind_of_archive_is_refused(tmp_path: Path, url: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load(None, {"SANTRAL_HOME": str(tmp_path), "SANTRAL_ARCHIVE__URL": url})


def test_the_spool_is_a_folder_of_the_archive(tmp_path: Path) -> None:
    for url in ("", str(tmp_path / "x"), f"file://{tmp_path}/x", "var/x"):
        settings = load(None, {"SANTRAL_HOME": str(tmp_path), "SANTRAL_ARCHIVE__URL": url})
        assert settings.spool_path == settings.archive_path / "pending"
    assert load(None, {"SANTRAL_HOME": str(tmp_path)}).archive_path == tmp_path / "archive"


@pytest.fixture
def uploading(tmp_path: Path, s3: S3) -> Iterator[Archive]:
    """An archive that uploads in the background."""
    archive = open_archive(bucket_settings(tmp_path / "one", s3.url), uploads=True)
    yield archive
    archive.close()


async def test_another_host_reads_a_delivery_once_it_is_uploaded(
    uploading: Archive, s3: S3, tmp_path: Path
) -> None:
    other = open_archive(bucket_settings(tmp_path / "two", s3.url))
    raw, long = uploading.put(b"kisa"), uploading.put(bytes(LONG))
    assert other.read(long) == bytes(LONG), "a long one is in the bucket at once"
    await until("another host reads it", lambda: other.read(raw) == b"kisa")
    assert uploading.read(raw) == b"kisa"
    await until("its local copy is gone", lambda: not list((tmp_path / "one").rglob("packs/*")))
    assert all(key.startswith("santral/") for key in s3.objects)


async def test_a_restart_continues_uploads_and_says_who_has_the_bytes_until_then(
    tmp_path: Path, s3: S3
) -> None:
    first, second = (
        bucket_settings(tmp_path / "one", s3.url),
        bucket_settings(tmp_path / "two", s3.url),
    )
    ours, theirs = multiprocessing.Pipe()
    _run_apart(lambda: theirs.send(FolderArchive(first.archive_path).put(b"kisa")))
    raw = ours.recv()
    elsewhere = msgspec.structs.replace(raw, ref=f"{raw.ref}:ingest-7")
    other = open_archive(second)
    assert other.read(elsewhere) is None
    assert "on the host ingest-7 until it uploads" in other.explain_missing(elsewhere)
    again = open_archive(first, uploads=True)
    await until("the pack is uploaded", lambda: other.read(elsewhere) == b"kisa")
    again.close()


def test_a_command_uploads_its_packs_at_its_end(tmp_path: Path, s3: S3) -> None:
    archive = open_archive(bucket_settings(tmp_path / "one", s3.url))
    raw = archive.put(b"kisa")
    archive.close()
    assert open_archive(bucket_settings(tmp_path / "two", s3.url)).read(raw) == b"kisa"


async def test_while_the_bucket_is_away_short_deliveries_are_kept_and_long_ones_are_refused(
    tmp_path: Path, s3: S3
) -> None:
    settings = bucket_settings(tmp_path, f"http://127.0.0.1:{free_port()}")
    archive = open_archive(settings, uploads=True)
    raw = archive.put(b"kisa")
    assert archive.read(raw) == b"kisa"
    for refused in (archive.put, archive.keep):
        with pytest.raises(Unavailable, match="no answer"):
            refused(bytes(LONG))
    assert "no answer" in (archive.problem() or "")
    archive.close()
    back = open_archive(bucket_settings(tmp_path, s3.url), uploads=True)
    await until("the pack is uploaded", lambda: any("packs/" in key for key in s3.objects))
    assert back.problem() is None
    back.close()


def test_a_wrong_key_is_named_without_its_value(tmp_path: Path, s3: S3) -> None:
    archive = open_archive(bucket_settings(tmp_path, s3.url, secret_key="geheim"))
    with pytest.raises(Unavailable, match="the key is not right") as caught:
        archive.keep(b"x")
    assert "geheim" not in str(caught.value)


def test_the_same_file_is_written_to_the_bucket_once(tmp_path: Path, s3: S3) -> None:
    archive = open_archive(bucket_settings(tmp_path, s3.url))
    assert archive.keep(bytes(LONG)) == archive.keep(bytes(LONG))
    assert len(s3.puts) == 1


def test_check_tries_the_bucket(tmp_path: Path, s3: S3, capsys: pytest.CaptureFixture[str]) -> None:
    right = bucket_settings(tmp_path, s3.url).archive
    assert check_bucket(right) == []
    assert "can be written" in capsys.readouterr().out
    wrong = msgspec.structs.replace(right, url="s3://nobody/x")
    assert "no such bucket" in check_bucket(wrong)[0]
    assert check_bucket(Settings().archive) == []
