"""The local profile: starts, restarts with everything kept, leaves no orphan, names the problem."""

import contextlib
import io
import json
import os
import re
import signal
import socket
import stat
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import httpx2
import psutil
import pytest
from msgspec.structs import replace as replace_struct

from cli.up import kafka_jars
from cli.up.ports import choose_ports, free_port
from runtime.settings.structs import DoorSettings, Settings
from schemas.errors import Unavailable
from tests.support.paths import JARS
from tests.support.servers.local_profile import LocalProfile
from tests.support.waiting import wait


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that several starts share."""
    return tmp_path_factory.mktemp("local")


def test_a_message_from_before_a_restart_is_there_after_it(home: Path) -> None:
    first = LocalProfile(home).start()
    access = Path(home / "var" / "access.json")
    assert stat.S_IMODE(access.stat().st_mode) == 0o600
    assert set(first.access["tokens"]) == {"door", "desk", "console"}
    log = (home / "up.log").read_text()
    assert first.access["tokens"]["console"] not in log, "no log opens the console for good"
    (link,) = re.findall(r"http://\S+/\?token=\S+", log)
    for cookie in (True, False):
        answer = httpx2.get(link)
        assert (answer.status_code, "set-cookie" in answer.headers) == (303, cookie), "once"
    sent = first.send("Faturam yanlış", "n1")
    listening = {
        c.laddr.ip
        for p in first.children().values()
        for c in p.net_connections()
        if c.status == "LISTEN"
    }
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1"}
    second_up = first.cli("up")
    assert second_up.returncode == 2
    assert "already up" in second_up.stderr
    pids = [p.pid for p in first.children().values()]
    assert first.stop() == 0
    assert not access.exists()
    assert not [p for p in pids if psutil.pid_exists(p)]
    again = LocalProfile(home).start()
    try:
        assert again.access["tokens"] != first.access["tokens"], "each start makes its own tokens"
        assert again.send("Faturam yanlış", "n1") == sent
        item = again.claim("billing", sent["conversation"])
        assert len(item["messages"]) == 1
        ledger = again.cli("ledger", "--json", "--wait", "20")
        assert json.loads(ledger.stdout.splitlines()[-1])["unaccounted"] == 0
        watched = again.children()["router"]
        watched.kill()
        wait(
            "the router is started again",
            lambda: again.children().get("router") not in (None, watched),
        )
        again.send("Faturam yanlış", "n2")
        everyone = [p.pid for p in again.children().values()]
    finally:
        assert again.process is not None
        again.process.send_signal(signal.SIGKILL)
        again.process.wait()
    wait("no orphan is left", lambda: not [p for p in everyone if _runs(p)])


def test_the_demo_plays_through_the_doors_and_shows_an_incident(tmp_path: Path) -> None:
    road = LocalProfile(tmp_path).start("--demo", "--rate", "20")
    try:

        def outage() -> list[str]:
            with road.http("desk", "console") as desk:
                incidents = desk.get("/v1/incidents").json()["incidents"]
            return [i["title"] for i in incidents if i["customers"] >= 10]

        (only,) = wait("the outage is an incident", outage, 90)
        assert "Karşıyaka" in only
        log = (tmp_path / "up.log").read_text()
        assert "/incidents  an incident opens; a line here says so" in log
        assert wait("a line says so", lambda: "demo: an incident is open: " in _log(tmp_path))
        assert "api 202" in log
        assert "mail 200" in log
        assert "chat accepted" in log
        past = road.cli("demo", "--past")
        assert "0 hours" in past.stdout, "an hour with a baseline is not invented again"
    finally:
        assert road.stop() == 0


def _log(home: Path) -> str:
    return (home / "up.log").read_text()


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_all_ports_in_use_are_named_at_once_with_a_line_to_paste(tmp_path: Path) -> None:
    names = ("LOCAL__KAFKA_PORT", "LOCAL__REDIS_PORT", "DOOR__PORT", "CONSOLE__PORT")
    with contextlib.ExitStack() as stack:
        ports = [str(stack.enter_context(_listening()).getsockname()[1]) for _ in names]
        result = LocalProfile(
            tmp_path, **{f"SANTRAL_{n}": p for n, p in zip(names, ports, strict=True)}
        ).cli("up")
    assert result.returncode == 2
    for name, port in zip(names, ports, strict=True):
        assert f"port {port}" in result.stderr
        assert f"SANTRAL_{name}=0" in result.stderr
    assert 'make run ARGS="--ports auto"' in result.stderr.splitlines()[1]
    assert "Traceback" not in result.stderr


def _listening() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


def test_without_ports_in_the_settings_free_ones_are_chosen_and_remembered(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    with _listening() as listener:
        busy_port = listener.getsockname()[1]
        wish = replace_struct(settings, door=DoorSettings(port=busy_port))
        chosen = choose_ports(wish, "auto")
        assert chosen.door != busy_port
        assert choose_ports(settings, "settings") == chosen, "a later start finds them"
        assert choose_ports(settings, "auto") == chosen
        with pytest.raises(Unavailable, match=f"port {busy_port} \\(the door\\)"):
            choose_ports(wish, "settings")
    assert choose_ports(wish, "settings").door == busy_port, "a setting wins"


def test_a_full_disk_is_reported_before_anything_starts(tmp_path: Path) -> None:
    result = LocalProfile(tmp_path, SANTRAL_LOCAL__MIN_FREE_MB=str(10**9)).cli("up")
    assert result.returncode == 2
    assert "make room" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    result = LocalProfile(tmp_path / "x").cli("up")
    assert "SANTRAL_HOME" in result.stderr


def test_a_damaged_jar_is_fetched_again_and_one_that_stays_damaged_is_reported(
    tmp_path: Path,
) -> None:
    jar = min(kafka_jars.pins(), key=lambda j: j.size)
    good = (JARS / jar.name).read_bytes()
    assert sha256(good).hexdigest() == jar.digest
    for other in kafka_jars.pins():
        (tmp_path / other.name).symlink_to(JARS / other.name)
    (tmp_path / jar.name).unlink()
    (tmp_path / jar.name).write_bytes(good[:-1])
    missing: list[int] = []
    kafka_jars.fetch(tmp_path, lambda done, of: missing.append(of - done))
    assert (tmp_path / jar.name).read_bytes() == good
    assert missing == [jar.size, 0], "only the damaged one is fetched"
    other_pin = replace(jar, digest="0" * 64)
    with pytest.raises(Unavailable, match="came damaged, twice"):
        kafka_jars.fetch(tmp_path, lambda *_: None, [other_pin])


def test_the_download_is_one_line_on_a_terminal_and_four_elsewhere() -> None:
    for terminal, lines in ((True, 1), (False, 5)):
        out = io.StringIO()
        out.isatty = lambda terminal=terminal: terminal  # type: ignore[method-assign,misc]
        shown = kafka_jars.DownloadProgress(out)
        for done in range(47):
            shown(done * 10**6, 46 * 10**6)
        assert out.getvalue().count("\n") == lines
        assert out.getvalue().endswith("46 of 46 MB (100%)\n")


def test_without_a_network_the_first_start_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match="needs the network"):
        kafka_jars.fetch(tmp_path, lambda *_: None)


def test_no_free_port_is_one_that_outgoing_connections_get() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
    lent = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if lent.exists():
        low, high = map(int, lent.read_text().split())
        assert not any(low <= port <= high for port in ports)
