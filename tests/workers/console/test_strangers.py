"""The console before strangers: odd cookies, forms from other sites, and who may sign in."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.health.checks import Health
from runtime.settings.structs import Settings, TokensSettings
from tests.support.ingest.door import send_raw, serve_application
from workers.console.api import ConsoleApi
from workers.console.app import app

SETTINGS = Settings(
    tokens=TokensSettings(door="d" * 30, desk="m" * 30, console="c" * 30, signing="s" * 30)
)


@pytest.fixture(scope="module")
async def console() -> AsyncIterator[str]:
    """A console without a store or a desk, which an early refusal does not need."""
    api = ConsoleApi(settings=SETTINGS, desk=None, store=None)  # type: ignore[arg-type]  # never reached
    async with serve_application(app(api, Health("console"), asyncio.Event())) as url:
        yield url


@pytest.mark.parametrize(
    "cookie", ["aDQ=.\xe9", "\xe9.\xe9", "aDQ=.", ".", "aDQ=" * 2000, "\xff=\xff"]
)
async def test_a_cookie_of_any_bytes_is_nobodys(console: str, cookie: str) -> None:
    head = f"GET / HTTP/1.1\nHost: x\nCookie: santral={cookie}\nConnection: close"
    status, text = await send_raw(console, head)
    assert status == 303, text
    assert "/login" in text


async def test_forms_of_other_sites_are_refused_on_every_page(console: str) -> None:
    async with httpx2.AsyncClient(base_url=console) as client:
        for path in ("/logout", "/language", "/login"):
            for origin in ("https://evil.example", "null", "", f"{console}0"):
                answer = await client.post(path, headers={"origin": origin}, data={"path": "/"})
                assert (answer.status_code, answer.json()["code"]) == (403, "origin.wrong"), path
                assert "set-cookie" not in answer.headers
            own = await client.post(path, headers={"origin": console}, data={"path": "/"})
            assert own.status_code != 403, path


async def test_no_metrics_on_the_consoles_port(console: str) -> None:
    async with httpx2.AsyncClient(base_url=console) as client:
        assert (await client.get("/metrics")).status_code == 404
        assert (await client.get("/readyz")).status_code == 200


_BYTES = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=40)


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE"]),
    path=st.sampled_from(
        [
            "/",
            "/login",
            "/logout",
            "/language",
            "/messages",
            "/messages/x",
            "/messages/x/files/y",
            "/desk/billing",
            "/desk/billing/1/reply",
            "/static/x",
            "/static/%2e%2e/app.py",
            "/entry",
            "/v1/desk/billing/claim",
            "/v1/desk/items/1/reply",
            "/v1/messages/x",
            "/v1/incidents/x",
            "/v1/links",
            "/incidents/x/confirm",
            "/%e9",
            "/openapi.json",
        ]
    ),
    query=st.sampled_from(
        ["", "token=%e9", "token=a.b.c", "token=.9.", "next=//x", "q=%00", "link=used"]
    ),
    headers=st.dictionaries(
        st.sampled_from(["Cookie", "Authorization", "Origin", "Content-Type", "HX-Request"]),
        _BYTES,
        max_size=4,
    ),
    body=st.one_of(st.binary(max_size=60), st.sampled_from([b"token=%ff&name=%00", b"path=//x"])),
)
async def test_no_request_of_a_stranger_is_a_500(
    console: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    lines = "".join(f"{name}: {value}\n" for name, value in headers.items())
    status, text = await send_raw(
        console,
        f"{method} {path}?{query} HTTP/1.1\nHost: x\n{lines}"
        f"Content-Length: {len(body)}\nConnection: close",
        body,
    )
    assert 100 < status < 500, text
