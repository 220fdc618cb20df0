"""Limits are settings like every other."""

from datetime import timedelta
from pathlib import Path

import pytest

from runtime.settings.load import load
from schemas.errors import ConfigError


def test_limits_are_written_as_every_other_setting(tmp_path: Path) -> None:
    file = tmp_path / "santral.toml"
    file.write_text('[limits]\nheader_time = "2m"\ntrusted_proxies = ["10.0.0.0/8"]\n')
    environ = {"SANTRAL_LIMITS__CHAT_SESSIONS": "7"}
    limits = load(file, environ).limits
    assert (limits.header_time, limits.chat_sessions) == (timedelta(minutes=2), 7)
    listed = load(None, {"SANTRAL_LIMITS__TRUSTED_PROXIES": "10.0.0.1, ::1"}).limits
    assert (limits.trusted_proxies, listed.trusted_proxies) == (
        ("10.0.0.0/8",),
        ("10.0.0.1", "::1"),
    )
    for wrong in ({"CHAT_SESSIONS": "0"}, {"TRUSTED_PROXIES": "proxy"}, {"HEADER_TIME": "soon"}):
        with pytest.raises(ConfigError):
            load(None, {f"SANTRAL_LIMITS__{k}": v for k, v in wrong.items()})
