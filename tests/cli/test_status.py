"""`santral status` answers soon, with the figures of every part that it can reach."""

import json
from pathlib import Path

import pytest

from cli.up.ports import free_port
from runtime import store
from runtime.health.checks import Health
from runtime.health.ops_server import serve_ops
from runtime.settings.structs import OpsSettings
from tests.support.commands import run_command
from workers.run import MIGRATIONS

pytestmark = pytest.mark.slow  # each test starts processes or servers, or waits for a connection


def test_a_server_that_is_away_costs_only_its_own_figures(tmp_path: Path) -> None:
    store.migrate(f"sqlite:///{tmp_path}/var/santral.db", MIGRATIONS)
    away = f"127.0.0.1:{free_port()}"
    addresses = {
        "SANTRAL_HOME": str(tmp_path / "var"),
        "SANTRAL_KAFKA__BOOTSTRAP": away,
        "SANTRAL_REDIS__URL": f"redis://{away}/0",
        "SANTRAL_CONSOLE__DOOR_URL": f"http://{away}",
        "SANTRAL_DOOR__DESK_URL": f"http://{away}",
    }
    result = run_command(tmp_path, "status", "--json", **addresses)
    assert result.returncode == 1, result.stderr
    status = json.loads(result.stdout)
    assert status["parts"]["store"]["trouble"] == ""
    assert status["parts"]["kafka"] == {
        "address": away,
        "trouble": "does not answer",
        "notes": [],
    }
    assert status["unaccounted"] is None
    assert status["waiting"] == {}
    assert any(finding.startswith("redis: ") for finding in status["findings"])
    words = run_command(tmp_path, "status", **addresses)
    assert words.returncode == 1
    assert "unaccounted unknown" in words.stdout
    assert "Traceback" not in words.stderr


def test_an_account_that_takes_no_replies_is_a_line_of_its_stage(tmp_path: Path) -> None:
    sentence = "email:destek has taken no reply for 300 s (refused); 16 replies wait"
    health = Health("workers")
    health.note("accounts", lambda: sentence, urgent=True)
    server = serve_ops(health, OpsSettings(port=0))
    home = tmp_path / "var"
    store.migrate(f"sqlite:///{home}/santral.db", MIGRATIONS)
    ops = {"workers": f"http://127.0.0.1:{server.server_port}"}
    (home / "access.json").write_text(json.dumps({"ops": ops}))
    away = f"127.0.0.1:{free_port()}"
    addresses = {
        "SANTRAL_HOME": str(home),
        "SANTRAL_KAFKA__BOOTSTRAP": away,
        "SANTRAL_REDIS__URL": f"redis://{away}/0",
    }
    result = run_command(tmp_path, "status", **addresses)
    server.shutdown()
    server.server_close()
    lines = result.stdout.splitlines()
    assert result.returncode == 1, (result.stdout, result.stderr)
    (number,) = [n for n, line in enumerate(lines) if line.startswith("workers ")]
    assert lines[number].endswith(" ready")
    assert lines[number + 1].strip() == f"accounts: {sentence}"
