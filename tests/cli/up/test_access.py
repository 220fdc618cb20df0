"""access.json: its fields, its rights, and the settings that a stage reads from the same values."""

import json
from pathlib import Path

from cli.up.access import make_access
from cli.up.ports import Ports
from runtime.settings.load import load
from runtime.settings.structs import Settings, TokensSettings

PORTS = Ports(kafka=1, controller=2, redis=3, door=4, console=5)


def test_the_file_has_addresses_and_tokens_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "access.json"
    make_access(Settings(), PORTS).save(path)
    written = json.loads(path.read_text())
    assert list(written) == ["door", "console", "kafka", "redis", "store", "tokens", "ops"]
    assert written["door"] == "http://127.0.0.1:4"
    assert written["redis"] == "redis://127.0.0.1:3/0"
    assert list(written["tokens"]) == ["door", "desk", "console"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_token_of_the_settings_is_used_and_the_others_are_new() -> None:
    settings = Settings(tokens=TokensSettings(desk="d" * 24))
    first, second = make_access(settings, PORTS).tokens, make_access(settings, PORTS).tokens
    assert first["desk"] == second["desk"] == "d" * 24
    assert first["door"] != second["door"]
    assert first["console"].startswith("console_")


def test_a_stage_reads_the_same_addresses_and_tokens_from_its_environment(tmp_path: Path) -> None:
    access = make_access(Settings(), PORTS)
    settings = load(environ={"SANTRAL_HOME": str(tmp_path), **access.environ()})
    assert settings.kafka.bootstrap == access.kafka
    assert settings.redis.url == access.redis
    assert settings.store_url == access.store
    assert (settings.door.port, settings.console.door_url) == (4, access.door)
    assert (settings.console.port, settings.door.desk_url) == (5, access.console)
    assert settings.tokens.door == access.tokens["door"]
    assert settings.tokens.console == access.tokens["console"]
