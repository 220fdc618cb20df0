"""docker-compose.yml and the Dockerfile, by their schema and by what they name."""

import json
import re
from pathlib import Path

import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from cli.main import main
from runtime.settings.load import load
from tests.support.json_body import JsonBody
from tests.support.paths import ROOT

COMPOSE: JsonBody = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
STAGES = {n: s for n, s in COMPOSE["services"].items() if s.get("build")}


def test_compose_fits_the_compose_specification() -> None:
    schema = json.loads((Path(__file__).parent.parent / "data" / "compose-spec.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(COMPOSE)) == []
    assert list(Draft202012Validator(schema).iter_errors(COMPOSE | {"servces": {}}))


def test_every_stage_runs_a_command_that_exists() -> None:
    for name, service in STAGES.items():
        result = CliRunner().invoke(main, [*service["command"], "--help"])
        assert result.exit_code == 0, (name, result.output)


def test_every_setting_of_compose_is_one() -> None:
    environ = {
        k: re.sub(r"\$\{\w+:\?.*\}", "x", str(v)).replace(
            "${SANTRAL_LIMITS__TRUSTED_PROXIES:-}", ""
        )
        for k, v in STAGES["ingest"]["environment"].items()
    }
    dockerfile = (ROOT / "Dockerfile").read_text()
    environ |= dict(re.findall(r"(SANTRAL_OPS__\w+)=(\S+)", dockerfile))
    settings = load(None, environ)
    assert settings.kafka.bootstrap == "kafka:9092"
    assert settings.ops.port == 9100


def test_health_gates_the_start_and_nothing_runs_as_root_or_is_open_to_the_world() -> None:
    services = COMPOSE["services"]
    for name in ("kafka", "valkey", "postgres"):
        assert services[name]["healthcheck"]["test"], name
    for name, service in STAGES.items():
        if name != "topics":
            assert service["depends_on"]["topics"]["condition"] == "service_completed_successfully"
            assert service["depends_on"]["postgres"]["condition"] == "service_healthy"
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), (name, port)
    assert re.search(r"^USER 10001$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)


def test_no_secret_has_a_default() -> None:
    for name, value in STAGES["ingest"]["environment"].items():
        if "TOKEN" in name or "STORE" in name:
            assert re.search(r"\$\{\w+:\?", value), name
