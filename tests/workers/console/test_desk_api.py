"""The desk over HTTP: the key of an answer is a header, and each refusal has its code."""

import httpx2
import pytest

from schemas.http_api.bodies import IDEMPOTENCY_HEADER
from schemas.http_api.openapi import OPERATIONS
from schemas.outcome import Reply
from tests.support.json_body import JsonBody
from tests.support.workers.console import (
    TOKENS,
    add_to_desk,
    api,
    client,
    console,
    list_published,
    recorded,
    redis,
    server,
)
from workers.console.api import ConsoleApi

__all__ = ["api", "client", "console", "recorded", "redis", "server"]

HEADERS = {"Authorization": f"Bearer {TOKENS.desk}"}


async def _claim(client: httpx2.AsyncClient, api: ConsoleApi) -> JsonBody:
    department = await add_to_desk(api)
    path = f"/v1/desk/{department}/claim"
    claimed = await client.post(path, headers=HEADERS, json={"agent": "Ada"})
    item: JsonBody = claimed.json()["items"][0]
    return item


async def _reply(
    client: httpx2.AsyncClient, item: JsonBody, text: str, key: str | None
) -> httpx2.Response:
    headers = HEADERS if key is None else HEADERS | {IDEMPOTENCY_HEADER: key}
    body = {"lease": item["lease"], "text": text}
    return await client.post(f"/v1/desk/items/{item['id']}/reply", headers=headers, json=body)


async def test_the_key_of_the_header_decides_what_is_one_answer(
    client: httpx2.AsyncClient, api: ConsoleApi
) -> None:
    item = await _claim(client, api)
    first, retry, second = [await _reply(client, item, "Merhaba", k) for k in ("a", "a", "b")]
    assert [answer.status_code for answer in (first, retry, second)] == [200, 200, 200]
    assert retry.json()["outcome"] == first.json()["outcome"] != second.json()["outcome"]
    assert len({r.id for r in list_published(api) if isinstance(r, Reply)}) == 2


@pytest.mark.parametrize(
    ("key", "text", "status", "code"),
    [
        ("a", "Başka", 422, "key.reused"),
        ("", "Merhaba", 400, "key.invalid"),
        ("x" * 129, "Merhaba", 400, "key.invalid"),
        (None, "Kısa", 409, "reply.repeated"),
    ],
)
async def test_a_refused_answer_has_its_code(
    client: httpx2.AsyncClient,
    api: ConsoleApi,
    key: str | None,
    text: str,
    status: int,
    code: str,
) -> None:
    item = await _claim(client, api)
    for before in (("Merhaba", "a"), ("Kısa", None)):
        assert (await _reply(client, item, *before)).status_code == 200
    answer = await _reply(client, item, text, key)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    (reply,) = [o for o in OPERATIONS if o.path.endswith("/reply")]
    assert status in reply.errors
