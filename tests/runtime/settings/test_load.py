"""Settings: one file, overrides, and every mistake at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from ingest.registry import sections
from runtime.settings.load import load
from schemas.errors import ConfigError


def _load(path: Path, text: str, **environ: str):  # type: ignore[no-untyped-def]  # what load gives
    file = path / "santral.toml"
    file.write_text(text)
    return load(file, environ | {"SANTRAL_HOME": str(path / "var")}, sections())


def test_an_empty_configuration_is_complete(tmp_path: Path) -> None:
    settings = load(None, {"SANTRAL_HOME": str(tmp_path)})
    assert settings.store_url == f"sqlite:///{tmp_path}/santral.db"
    assert "triage" in settings.departments


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    settings = _load(
        tmp_path, "[kafka]\npartitions = 4\n[desk]\nlease = '90s'", SANTRAL_KAFKA__PARTITIONS="16"
    )
    assert settings.kafka.partitions == 16
    assert settings.desk.lease == timedelta(seconds=90)


def test_all_mistakes_are_reported_at_once_with_place_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(
            tmp_path,
            "[kafka]\nbootsrap = 'x'\npartitions = 'many'\n[desk]\nlease = 'soon'\n"
            "[departments.x]\ntitle_tr = 'X'\n[channels.email.main]\nhots = 'imap'\n[door]\nport = 99999\n",
        )
    text = str(caught.value)
    assert "unknown key 'bootsrap'. Did you mean 'bootstrap'?" in text
    assert "[kafka] partitions" in text
    assert "'90s'" in text
    assert "'title_en' is missing" in text
    assert "[channels.email.main]: unknown key 'hots'. Did you mean 'host'?" in text
    assert "[door] port" in text
    assert len(caught.value.problems) == 6


def test_an_invalid_file_and_a_missing_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not TOML"):
        _load(tmp_path, "[kafka\n")
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "missing.toml", {})


def test_replies_wait_no_longer_than_kafka_keeps_their_texts(tmp_path: Path) -> None:
    file = tmp_path / "santral.toml"
    file.write_text('[replies]\ngive_up_after = "29d"\n')
    assert load(file, {}).replies.give_up_after.days == 29
    file.write_text('[replies]\ngive_up_after = "30d"\n')
    with pytest.raises(ConfigError, match="give_up_after: .* longer than 29 days. Write '29d'"):
        load(file, {})


def test_an_unknown_override_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'kafak'"):
        _load(tmp_path, "", SANTRAL_KAFAK__PARTITIONS="1")


def test_the_running_local_profile_is_found(tmp_path: Path) -> None:
    (tmp_path / "access.json").write_text(
        '{"kafka": "127.0.0.1:1", "redis": "redis://127.0.0.1:2/0", "store": "sqlite:///x", '
        '"door": "http://127.0.0.1:3", "console": "http://127.0.0.1:4", "tokens": {"door": "t"}}'
    )
    settings = load(None, {"SANTRAL_HOME": str(tmp_path)})
    assert settings.kafka.bootstrap == "127.0.0.1:1"
    assert settings.tokens.door == "t"
    assert (
        load(
            None, {"SANTRAL_HOME": str(tmp_path), "SANTRAL_KAFKA__BOOTSTRAP": "k:9"}
        ).kafka.bootstrap
        == "k:9"
    )


def test_an_invalid_address_of_the_scanner_is_refused_at_the_start(
    tmp_path: Path,
) -> None:
    file = tmp_path / "santral.toml"
    for address in ("127.0.0.1:3310", "/run/clamd.sock", "[::1]:3310", ""):
        file.write_text(f'[scan]\naddress = "{address}"\n')
        assert load(file, {}).scan.address == address
    file.write_text('[scan]\naddress = "localhost"\n')
    with pytest.raises(ConfigError, match="address"):
        load(file, {})
