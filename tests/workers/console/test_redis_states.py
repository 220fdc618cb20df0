"""Every address of console and API while Redis can't serve: 503 with Retry-After, never a 500.

Every route of the application is walked, also those that are added later.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import msgspec
import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from structlog.testing import capture_logs

from runtime.clock import SystemClock
from runtime.redis.claims import AWAY, connect
from runtime.settings.structs import RedisSettings, Settings
from tests.support.desk.open_queue import FeedPublisher, open_desk_queue
from tests.support.redis.servers import STATES, Valkey, valkeys
from tests.support.waiting import until
from tests.support.workers.console import (
    DECIDED,
    FORM,
    JSON,
    TOKENS,
    add_to_desk,
    client,
    console,
    paths_of,
    recorded,
)
from workers.console import stage_lags
from workers.console.api import ConsoleApi
from workers.console.texts import Texts
from workers.desk.commands import Desk

__all__ = ["client", "console", "recorded"]


@contextlib.contextmanager
def gone(server: Valkey, _other: Valkey) -> Iterator[None]:
    """End the server, as before a failover."""
    server.run("SAVE")
    server.kill()
    try:
        yield
    finally:
        server.start()


@contextlib.contextmanager
def loading(server: Valkey, _other: Valkey) -> Iterator[None]:
    """Start it with so much data that it loads for a while."""
    with server.client() as client, client.pipeline(transaction=False) as pipe:
        for number in range(10_000):
            pipe.set(f"filler:{number}", "x" * 1000)
        pipe.execute()
    server.run("CONFIG", "SET", "rdbcompression", "no")
    server.run("SAVE")
    server.kill()
    slow = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
    normal, server.options = server.options, slow
    try:
        server.start(loading=True)
        yield
    finally:
        server.kill()
        server.options = normal
        server.start()


ALL = STATES | {"away": gone, "LOADING": loading}
EACH_RUN = {"READONLY", "OOM", "MISCONF", "away"}
"""The states that every run walks: those of a failover and of a full machine."""
DESK = f"/v1/desk/items/{DECIDED.id}/"
SERVED = {"OOM"}
"""States in which agents go on: their scripts take hardly any memory, and closed items free some."""

UNREADABLE = {"MASTERDOWN", "BUSY", "NOPERM", "NOAUTH", "away", "LOADING"}
"""States in which a server answers no read either."""


@pytest.fixture(scope="module")
def pair() -> Iterator[list[Valkey]]:
    """Two servers, the first of which gets into bad states."""
    with valkeys(2) as servers:
        yield servers


@pytest.fixture
async def api(recorded: Engine, pair: list[Valkey], tmp_path: Path) -> AsyncIterator[ConsoleApi]:
    """The API on the first server, with a message that waits at its desk."""
    redis = connect(RedisSettings(url=f"redis://127.0.0.1:{pair[0].port}/0"))
    await redis.flushall()
    desk_queue = await open_desk_queue(redis)
    settings = msgspec.structs.replace(Settings(), home=str(tmp_path), tokens=TOKENS)
    desk = Desk(
        settings=settings,
        desk_queue=desk_queue,
        publisher=FeedPublisher(desk_queue),
        clock=SystemClock(),
    )  # type: ignore[arg-type]  # a list stands for Kafka
    yield ConsoleApi(settings=settings, desk=desk, store=recorded)
    await redis.aclose()


class _NoLags(stage_lags.StageLags):
    """The Flow page's question to Kafka, which is another test's subject."""

    def read(self) -> list[stage_lags.StageLag]:
        """Return no stage."""
        return []


async def _walk(console: Starlette, client: httpx2.AsyncClient, department: str) -> dict[str, int]:
    """Call every address as a browser and with the desk's token; return the API's statuses."""
    statuses = {}
    for route in console.routes:
        for path in paths_of(route, department):
            if path == "/logout" or (DECIDED.id not in path and "/messages/" in path):
                continue
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                if method == "HEAD":
                    continue
                form = FORM if method == "POST" else None
                page = await client.request(method, path, data=form)
                assert page.status_code != 500, (method, path, page.text)
                if page.status_code == 503:
                    assert int(page.headers["retry-after"]) >= 1, path
                    kind = "application/json" if path.startswith("/v1/") else "text/html"
                    assert page.headers["content-type"].startswith(kind), path
                head = {"Authorization": f"Bearer {TOKENS.desk}"}
                body = JSON if method == "POST" else None
                answer = await client.request(method, path, headers=head, json=body)
                assert answer.status_code != 500, (method, path, answer.text)
                if path.startswith("/v1/"):
                    statuses[path] = answer.status_code
                    if answer.status_code == 503:
                        assert answer.json()["code"] == "try_again"
                        assert int(answer.headers["retry-after"]) >= 1
    return statuses


@pytest.mark.parametrize(
    "state",
    [pytest.param(name, marks=[pytest.mark.certify] * (name not in EACH_RUN)) for name in ALL],
)
async def test_no_address_answers_500_while_redis_can_not_serve(
    pair: list[Valkey],
    api: ConsoleApi,
    console: Starlette,
    client: httpx2.AsyncClient,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stage_lags.StageLags, "read", _NoLags.read)
    department = await add_to_desk(api)
    headers = {"accept": "text/html", "accept-language": "tr"}
    with ALL[state](*pair), capture_logs() as logs:
        statuses = await _walk(console, client, department)
        if state not in SERVED:
            claims = [code for path, code in statuses.items() if path.endswith("/claim")]
            assert claims == [503]
            client.cookies.delete("language")  # the walk chose one
            desk = await client.post(f"/desk/{department}", headers=headers)
            assert desk.status_code == 503
            assert Texts("tr").desk_away in desk.text
        if state in UNREADABLE:
            acts = {code for path, code in statuses.items() if path.startswith(DESK)}
            assert acts <= {503, 400}
            text = "Yazdıklarım kaybolmasın"
            form = FORM | {"text": text}
            reply = await client.post(f"/desk/{department}/{DECIDED.id}/reply", data=form)
            assert reply.status_code == 503
            assert text in reply.text
            assert (await client.get("/desk")).status_code == 503
            flow = await client.get("/", headers=headers)
            assert flow.status_code == 200
            assert Texts("tr").desk_away in flow.text, "not a count of nothing"
    events = [entry["event"] for entry in logs]
    assert "http.bug" not in events
    assert events.count("redis.away") == (0 if state in SERVED else 1), events
    assert not any("exc_info" in entry for entry in logs)
    if state not in SERVED:
        await until("the item is claimed", lambda: _claimed(api, client, department))


async def _claimed(api: ConsoleApi, client: httpx2.AsyncClient, department: str) -> bool:
    """Say whether a claim gives the item, once the lines are compared with Kafka as the feed does."""
    try:
        history, verified = await api.desk.desk_queue.read_history()
        if not verified:
            await api.desk.desk_queue.verify(history)
    except AWAY:
        return False
    head = {"Authorization": f"Bearer {TOKENS.desk}"}
    answer = await client.post(
        f"/v1/desk/{department}/claim", headers=head, json={"agent": "ayse", "wait_s": 0}
    )
    return answer.status_code == 200 and bool(answer.json()["items"])
