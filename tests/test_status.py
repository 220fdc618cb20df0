"""`santral status` answers soon, with the figures of every part that it can reach."""

import json
from pathlib import Path

from runtime import store
from runtime.ports import free_port
from tests.test_commands import run
from workers.run import MIGRATIONS


def test_what_is_down_costs_its_own_figures_alone(tmp_path: Path) -> None:
    store.migrate(f"sqlite:///{tmp_path}/var/santral.db", MIGRATIONS)
    away = f"127.0.0.1:{free_port()}"
    addresses = {
        "SANTRAL_HOME": str(tmp_path / "var"),
        "SANTRAL_KAFKA__BOOTSTRAP": away,
        "SANTRAL_REDIS__URL": f"redis://{away}/0",
        "SANTRAL_CONSOLE__DOOR_URL": f"http://{away}",
        "SANTRAL_DOOR__DESK_URL": f"http://{away}",
    }
    result = run(tmp_path, "status", "--json", **addresses)
    assert result.returncode == 1, result.stderr
    status = json.loads(result.stdout)
    assert status["parts"]["store"]["trouble"] == ""
    assert status["parts"]["kafka"] == {"address": away, "trouble": "does not answer"}
    assert status["unaccounted"] is None
    assert status["waiting"] == {}
    assert any(finding.startswith("redis: ") for finding in status["findings"])
    words = run(tmp_path, "status", **addresses)
    assert words.returncode == 1
    assert "unaccounted unknown" in words.stdout
    assert "Traceback" not in words.stderr
