"""Logging in to a mailbox by token: a real Dovecot, and a small token server as RFC 6749 has it."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from ingest.channels.email.account import Account
from ingest.channels.email.source import ImapSource
from ingest.source import SourceContext
from ingest.sources.oauth import OAuthSettings, OAuthTokens
from schemas.errors import Retry
from tests.support.json_body import JsonBody
from tests.support.programs import require_program
from tests.support.servers.dovecot import Dovecot

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class TokenServer(ThreadingHTTPServer):
    """Gives tokens for refresh tokens, each of which counts once; tells Dovecot whose they are."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _TokenHandler)
        self.refresh = "first"
        self.issued: list[str] = []
        self.valid: set[str] = set()
        self.fault: tuple[int, dict[str, str]] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _TokenHandler(BaseHTTPRequestHandler):
    server: TokenServer

    def _answer(self, status: int, body: JsonBody) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        form = {k: v[0] for k, v in parse_qs(self.rfile.read(size).decode()).items()}
        if self.server.fault:
            self._answer(*self.server.fault)
            return
        if form.get("refresh_token") != self.server.refresh or form["client_id"] != "santral":
            self._answer(400, {"error": "invalid_grant", "error_description": "token is used up"})
            return
        number = len(self.server.issued) + 1
        self.server.refresh = f"refresh-{number}"
        self.server.issued.append(f"access-{number}")
        self.server.valid.add(f"access-{number}")
        self._answer(
            200,
            {
                "access_token": f"access-{number}",
                "expires_in": 3600,
                "refresh_token": self.server.refresh,
            },
        )

    def do_GET(self) -> None:
        token = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
        if token in self.server.valid:
            self._answer(200, {"active": "yes", "user": "belge"})
        else:
            self._answer(200, {"active": "no"})

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def tokens() -> Iterator[TokenServer]:
    server = TokenServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def mailbox(tokens: TokenServer) -> Iterator[Dovecot]:
    require_program(Dovecot.program, "Dovecot")
    server = Dovecot(tokens.url).start()
    yield server
    server.stop()


class SavedState:
    """Small secrets, as home keeps them."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}


def _oauth(tokens: TokenServer, **more: str) -> OAuthSettings:
    settings = {
        "token_url": f"{tokens.url}/token",
        "client_id": "santral",
        "refresh_token": "first",
    }
    return OAuthSettings(**(settings | more))  # type: ignore[arg-type]  # texts only


def _boxes(server: Dovecot, oauth: OAuthSettings, state: SavedState) -> ImapSource:
    account = Account(
        host="127.0.0.1",
        port=server.port,
        tls=False,
        user="belge",
        oauth=oauth,
        timeout=timedelta(seconds=20),
    )
    tools = SourceContext(
        now=lambda: NOW,
        pause=asyncio.sleep,
        warn=lambda *_a, **_k: None,
        report_pass=lambda _s: None,
        load_state=state.values.get,
        save_state=state.values.__setitem__,
    )
    return ImapSource("belge", account, tools)


async def _uids(boxes: ImapSource) -> list[str]:
    return [position async for position in boxes.inventory()]


async def test_a_mailbox_opens_by_token_and_the_newest_refresh_token_survives_a_restart(
    mailbox: Dovecot, tokens: TokenServer
) -> None:
    state = SavedState()
    boxes = _boxes(mailbox, _oauth(tokens), state)
    assert await _uids(boxes) == []
    assert await _uids(boxes) == []
    assert tokens.issued == ["access-1"], "a token serves until it nears its end"
    again = _boxes(mailbox, _oauth(tokens), state)
    assert await _uids(again) == []
    assert tokens.issued == ["access-1", "access-2"], "the first refresh token was used up"


async def test_a_token_that_the_server_refuses_is_not_used_again(
    mailbox: Dovecot, tokens: TokenServer
) -> None:
    boxes = _boxes(mailbox, _oauth(tokens), SavedState())
    assert await _uids(boxes) == []
    tokens.valid.clear()
    with pytest.raises((Retry, BaseExceptionGroup)):
        await _uids(boxes)
    assert await _uids(boxes) == []
    assert len(tokens.issued) == 2


async def test_an_error_that_needs_a_person_says_so_and_others_are_tried_soon(
    tokens: TokenServer,
) -> None:
    def tokens_of(**more: str) -> OAuthTokens:
        state = SavedState()
        return OAuthTokens(
            "a", _oauth(tokens, **more), lambda: NOW, state.values.get, state.values.__setitem__
        )

    with pytest.raises(Retry, match="authorised again: invalid_grant token is used up") as error:
        await tokens_of(refresh_token="old").token()
    assert error.value.after >= 600
    tokens.fault = (503, {})
    with pytest.raises(Retry, match="says later") as error:
        await tokens_of().token()
    assert error.value.after <= 60
    with pytest.raises(Retry, match="is away"):
        await tokens_of(token_url="http://127.0.0.1:1/token").token()


async def test_a_new_refresh_token_in_the_settings_takes_the_kept_ones_place(
    tokens: TokenServer,
) -> None:
    state = SavedState()

    def tokens_of(first: str) -> OAuthTokens:
        oauth = _oauth(tokens, refresh_token=first)
        return OAuthTokens("a", oauth, lambda: NOW, state.values.get, state.values.__setitem__)

    assert await tokens_of("first").token() == "access-1"
    tokens.refresh = "anew"
    assert await tokens_of("anew").token() == "access-2"
