"""Access tokens: their length, their absence from terminals, and a link that opens once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner, Result

from cli.main import main
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.http import sign_in_link
from runtime.log import redacted_url
from runtime.settings.limits import LimitsSettings
from runtime.settings.load import load
from runtime.settings.structs import Settings
from tests.support.ingest.door import TOKENS, serve_application
from workers.console.api import ConsoleApi
from workers.console.app import app

pytestmark = pytest.mark.slow  # each test starts processes or servers, or waits for a connection

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
GOOD = {
    "SANTRAL_TOKENS__DOOR": "kapi-0123456789-0123456789",
    "SANTRAL_TOKENS__DESK": "masa-0123456789-0123456789",
    "SANTRAL_TOKENS__CONSOLE": "konsol-0123456789-0123456789",
    "SANTRAL_TOKENS__SIGNING": "imza-0123456789-0123456789",
}


def _check(home: Path, **environ: str) -> Result:
    return CliRunner().invoke(
        main, ["check", "--offline"], env={"SANTRAL_HOME": str(home), **GOOD, **environ}
    )


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"SANTRAL_TOKENS__DOOR": "a"}, "door has 1 characters, 24 are needed"),
        ({"SANTRAL_TOKENS__PERSONAL": "x" * 23}, "personal has 23 characters"),
        ({"SANTRAL_TOKENS__DESK": GOOD["SANTRAL_TOKENS__DOOR"]}, "desk is the same as door"),
        ({"SANTRAL_TOKENS__SIGNING": ""}, "signing is empty"),
    ],
)
def test_short_equal_and_missing_keys_are_refused(
    tmp_path: Path, environ: dict[str, str], says: str
) -> None:
    assert _check(tmp_path).exit_code == 0
    result = _check(tmp_path, **environ)
    assert result.exit_code == 2
    assert says in result.output
    assert GOOD["SANTRAL_TOKENS__DOOR"] not in result.output


@pytest.mark.parametrize("stage", ["ingest", "console", "workers"])
def test_a_stage_does_not_start_with_a_weak_token(tmp_path: Path, stage: str) -> None:
    environ = {"SANTRAL_HOME": str(tmp_path), "SANTRAL_KAFKA__BOOTSTRAP": "127.0.0.1:9", **GOOD}
    result = CliRunner().invoke(main, [stage], env={**environ, "SANTRAL_TOKENS__CONSOLE": "kisa"})
    assert result.exit_code == 2
    assert "console has 4 characters" in result.output
    result = CliRunner().invoke(main, [stage], env={**environ, "SANTRAL_TOKENS__SIGNING": ""})
    assert result.exit_code == 2


def test_up_starts_nothing_with_a_weak_token(tmp_path: Path) -> None:
    environ = {"SANTRAL_HOME": str(tmp_path / "var"), "SANTRAL_TOKENS__DESK": "kisa"}
    result = CliRunner().invoke(main, ["up"], env=environ)
    assert result.exit_code == 2
    assert "desk has 4 characters" in result.output
    assert not (tmp_path / "var").exists()


def test_the_signing_key_of_the_running_profile_is_found(tmp_path: Path) -> None:
    (tmp_path / "access.json").write_text('{"tokens": {"door": "d"}}')
    (tmp_path / "signing.key").write_text("anahtar\n")
    assert load(None, {"SANTRAL_HOME": str(tmp_path)}).tokens.signing == "anahtar"
    other = load(None, {"SANTRAL_HOME": str(tmp_path), "SANTRAL_TOKENS__SIGNING": ""})
    assert other.tokens.signing == "", "what is said wins, even if it is nothing"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:s3cr3t@127.0.0.1:6379/0", "redis://:***@127.0.0.1:6379/0"),
        ("rediss://ada:p@ss/w@host:1/2?x=1", "rediss://ada:***@host:1/2?x=1"),
        ("redis://host/0?password=gizli&db=1", "redis://host/0?password=***&db=1"),
        ("redis://ada:s3@cr3t@host/0", "redis://ada:***@host/0"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("127.0.0.1:9092", "127.0.0.1:9092"),
    ],
)
def test_no_password_of_an_address_is_shown(url: str, shown: str) -> None:
    assert redacted_url(url) == shown


def test_a_link_is_good_for_its_token_and_for_an_hour() -> None:
    word = sign_in_link.make("token", "ab12", NOW)
    assert sign_in_link.read("token", word, NOW + timedelta(minutes=59)) == "ab12"
    assert sign_in_link.read("token", word, NOW + timedelta(minutes=61)) is None
    later = word.replace(word.split(".")[1], str(2**40))
    for token, wrong in (
        ("other", word),
        ("", word),
        ("token", later),
        ("token", "x"),
        ("token", "é.1.é"),
    ):
        assert sign_in_link.read(token, wrong, NOW) is None


class _Lines:
    """Remembers used words, as Redis does."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    async def use_once(self, word: str, _seconds: int) -> bool:
        """Say whether this is the first use of a word."""
        first = word not in self._used
        self._used.add(word)
        return first


class _SignInDesk:
    def __init__(self) -> None:
        self.desk_queue = _Lines()


@pytest.fixture
async def console() -> AsyncIterator[httpx2.AsyncClient]:
    """A console that has no store."""
    settings = Settings(tokens=TOKENS)
    api = ConsoleApi(settings=settings, desk=_SignInDesk(), store=None)  # type: ignore[arg-type]  # no more is reached
    application = app(api, Health("console"), asyncio.Event())
    async with (
        serve_application(application, LimitsSettings(attempts=3)) as url,
        httpx2.AsyncClient(base_url=url) as client,
    ):
        yield client


async def test_a_link_signs_in_once(console: httpx2.AsyncClient) -> None:
    word = sign_in_link.make(TOKENS.console, "0f" * 16, SystemClock().now())
    first = await console.get(f"/?token={word}")
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert "santral=" in first.headers["set-cookie"]
    console.cookies.clear()
    again = await console.get(f"/?token={word}")
    assert "set-cookie" not in again.headers
    page = await console.get(again.headers["location"], headers={"accept-language": "tr"})
    assert "Bu bağlantı kullanılmış" in page.text


async def test_sign_ins_are_slowed_down_and_a_right_one_is_let_in(
    console: httpx2.AsyncClient,
) -> None:
    own = {"origin": str(console.base_url)}
    answers = [
        (await console.post("/login", data={"token": "yanlis"}, headers=own)) for _ in range(3)
    ]
    assert [a.status_code for a in answers] == [401, 401, 401]
    for answer in (
        await console.post("/login", data={"token": "yanlis"}, headers=own),
        await console.get("/?token=yanlis"),
    ):
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
    right = await console.post("/login", data={"token": TOKENS.console}, headers=own)
    assert right.status_code == 303
