"""The addresses of `[redis]`: refusals of wrong ones, and the checks of several servers."""

from pathlib import Path

import pytest

from cli.check import check_redis
from cli.up.ports import free_port
from runtime.settings.load import load
from runtime.settings.redis_addresses import describe, server_url, servers
from runtime.settings.structs import RedisSettings, Settings
from runtime.stage.reach import is_reachable
from schemas.errors import ConfigError
from tests.support.redis.servers import valkeys


def _load(tmp_path: Path, text: str, **environ: str) -> Settings:
    file = tmp_path / "santral.toml"
    file.write_text(text)
    return load(file, {"SANTRAL_HOME": str(tmp_path), **environ})


def test_lists_come_from_the_file_or_the_environment(tmp_path: Path) -> None:
    settings = _load(tmp_path, '[redis]\nsentinels = ["a:1", "rediss://b:2"]\nservice = "desk"\n')
    assert servers(settings.redis) == ["redis://a:1", "rediss://b:2"]
    assert describe(settings.redis) == "desk by Sentinel at a:1, rediss://b:2"
    settings = _load(
        tmp_path, "", SANTRAL_REDIS__ADDRESSES="a:1, b", SANTRAL_REDIS__URL="rediss://u:p@x/3"
    )
    assert servers(settings.redis) == ["rediss://u:p@a:1/3", "rediss://u:p@b:6379/3"]
    assert "p@" not in describe(settings.redis)


def test_an_ipv6_address_keeps_its_brackets() -> None:
    assert server_url(RedisSettings(), "[::1]:7000") == "redis://[::1]:7000/0"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('url = "http://a"', "unknown scheme"),
        ('sentinels = ["a:x"]', "not an address"),
        ('sentinels = [":26379"]', "not an address"),
        ('addresses = ["redis://:geheim@a:1"]', "not an address"),
        ('sentinels = ["a:1"]\naddresses = ["b:1"]', "exclude each other"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        _load(tmp_path, f"[redis]\n{text}\n")
    assert "geheim" not in str(caught.value)


def test_redis_answers_when_one_of_its_servers_does() -> None:
    away = f"127.0.0.1:{free_port()}"
    with valkeys() as (server,):
        both = Settings(redis=RedisSettings(addresses=(away, f"127.0.0.1:{server.port}")))
        assert is_reachable(both, "Redis")
    assert not is_reachable(Settings(redis=RedisSettings(sentinels=(away,))), "Redis")


def test_check_names_the_problem_of_each_server(capsys: pytest.CaptureFixture[str]) -> None:
    with valkeys(2) as (primary, replica):
        replica.follow(primary)
        both = (f"127.0.0.1:{replica.port}", f"127.0.0.1:{primary.port}")
        assert check_redis(RedisSettings(addresses=both)) == []
        assert f"127.0.0.1:{primary.port}: answers" in capsys.readouterr().out
        (problem,) = check_redis(RedisSettings(url=f"redis://127.0.0.1:{replica.port}/0"))
        assert "READONLY: it is a replica" in problem
    (problem,) = check_redis(RedisSettings(addresses=both))
    assert "NOPRIMARY" in problem
