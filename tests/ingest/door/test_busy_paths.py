"""The busy addresses get the same answers with and without Starlette's table of routes."""

from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingest.door.busy_paths import BusyPaths
from ingest.door.http import app, table
from runtime.http import server
from tests.support.ingest.door import TOKENS, open_door

BEARER = {"Authorization": f"Bearer {TOKENS.door}"}
META = {"instagram": {"default": {"app_secret": "s" * 30, "verify_token": "v" * 30}}}

REQUESTS: dict[str, tuple[str, str, dict[str, str], bytes]] = {
    "no token": ("POST", "/v1/messages", {}, b"{}"),
    "another scheme": ("POST", "/v1/messages", {"Authorization": "Basic eA=="}, b"{}"),
    "a wrong token": ("POST", "/v1/messages", {"Authorization": "Bearer wrong"}, b"{}"),
    "broken JSON": ("POST", "/v1/messages", BEARER, b"{"),
    "a fault with a path": ("POST", "/v1/messages", BEARER, b'{"native_id": 1}'),
    "an unknown account": ("POST", "/v1/messages?account=nobody", BEARER, b"{}"),
    "another method": ("GET", "/v1/messages", BEARER, b""),
    "a slash more": ("POST", "/v1/messages/", BEARER, b"{}"),
    "another spelling": ("POST", "/v1/%6dessages", BEARER, b"{}"),
    "an unknown channel": ("POST", "/v1/hooks/pigeon/default", BEARER, b"x"),
    "an unknown account of a hook": ("POST", "/v1/hooks/mail/nobody", BEARER, b"x"),
    "a hook without a token": ("POST", "/v1/hooks/mail/default", {}, b"x"),
    "a vendor without a signature": ("POST", "/v1/hooks/instagram/default", {}, b"{}"),
    "a vendor with a wrong one": (
        "POST",
        "/v1/hooks/instagram/default",
        {"X-Hub-Signature-256": "sha256=00"},
        b"{}",
    ),
    "a vendor's question": ("GET", "/v1/hooks/instagram/default?hub.mode=subscribe", {}, b""),
    "a raw mail without a signature": ("POST", "/v1/hooks/mailgun/default/mime", {}, b"x"),
    "two readings": ("POST", "/v1/hooks/mail/..%2fdefault", BEARER, b"x"),
}


@pytest.mark.slow
async def test_both_ways_give_the_same_answers(tmp_path: Path) -> None:
    answers: list[dict[str, tuple[int, dict[str, str], bytes]]] = []
    for application in (app, table):
        async with (
            open_door(tmp_path, application=application, channels=META) as url,
            httpx2.AsyncClient(base_url=url) as client,
        ):
            answers.append({})
            for name, (method, target, headers, body) in REQUESTS.items():
                answer = await client.request(method, target, headers=headers, content=body)
                answers[-1][name] = (answer.status_code, dict(answer.headers), answer.content)
    busy, plain = answers
    assert busy == plain
    assert {status for status, _, _ in busy.values()} >= {400, 401, 404, 405}


async def _note_path(request: Request) -> Response:
    return Response(str(request.path_params).encode())


async def _fail(request: Request) -> Response:
    raise ZeroDivisionError


async def _table(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(b"table")(scope, receive, send)


async def _post(target: str, endpoint: server.Endpoint = _note_path) -> httpx2.Response:
    busy = BusyPaths(endpoint, endpoint, _table)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=busy)) as client:
        return await client.post(f"http://door{target}", content=b"")


@pytest.mark.parametrize(
    ("target", "parameters"),
    [
        ("/v1/messages", {}),
        ("/v1/messages?account=x", {}),
        ("/v1/hooks/mail/main", {"channel": "mail", "account": "main"}),
        ("/v1/hooks/mailgun/a-b_1/mime", {"channel": "mailgun", "account": "a-b_1"}),
    ],
)
async def test_a_busy_address_has_its_endpoint_and_parameters(
    target: str, parameters: dict[str, str]
) -> None:
    assert (await _post(target)).text == str(parameters)


@pytest.mark.parametrize(
    "target",
    ["/", "/v1/messages/1", "/v1/hooks/mail", "/v1/hooks/mail/a.b", "/v1/hooks/mail/a/b/mime"],
)
async def test_every_other_address_goes_to_the_table(target: str) -> None:
    assert (await _post(target)).text == "table"


async def test_a_bug_of_ours_is_answered_with_500() -> None:
    answer = await _post("/v1/messages", _fail)
    assert (answer.status_code, answer.json()["code"]) == (500, "http.500")
