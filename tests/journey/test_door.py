"""The door from outside: its refusals, its public pages, and the probes of all stages."""

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import http_clients
from tests.support.servers.local_profile import LocalProfile
from tests.support.waiting import wait


def _new() -> str:
    return uuid.uuid4().hex


@pytest.mark.parametrize(
    ("body", "status", "code", "path"),
    [
        (b"{", 400, "json.malformed", "$"),
        (b"\xff", 400, "json.malformed", "$"),
        (
            b'{"native_id": "1", "text": "x", "sender": {"email": 5}}',
            400,
            "json.invalid",
            "$.sender.email",
        ),
        (
            b'{"native_id": "1", "text": "", "sender": {"email": "a@b"}}',
            400,
            "json.invalid",
            "$.text",
        ),
        (b'{"native_id": "1", "text": "x", "sender": {}}', 400, "json.invalid", "$.sender"),
        (b'{"text": "x", "sender": {"email": "a@b"}}', 400, "json.invalid", "$"),
        (
            b'{"native_id":"1","text":"x","sender":{"handle":"h"},"attachments":[{"name":"a","content":"*"}]}',
            400,
            "attachment.invalid",
            "$.attachments[0].content",
        ),
    ],
)
def test_bad_json_is_answered_with_the_path_of_the_fault(
    road: LocalProfile, body: bytes, status: int, code: str, path: str
) -> None:
    with road.http() as door:
        answer = door.post("/v1/messages", content=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (
        status,
        code,
        path,
    )


def test_wrong_tokens_unknown_accounts_and_sizes_are_answered(road: LocalProfile) -> None:
    with road.http("desk") as door:
        assert door.post("/v1/messages", content=b"{}").status_code == 401
        assert (
            door.post("/v1/messages", headers={"Authorization": ""}, content=b"{}").status_code
            == 401
        )
        assert door.post("/v1/desk/nowhere/claim", json={"agent": "a"}).status_code == 404
    with road.http() as door:
        assert door.post("/v1/desk/billing/claim", json={"agent": "a"}).status_code == 401
        unknown = door.post("/v1/hooks/mail/nobody", content=b"x")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "account.unknown")
        assert door.post("/v1/hooks/pigeon/default", content=b"x").status_code == 404
        large = door.post("/v1/hooks/mail/default", content=b"x" * (33 * 1024 * 1024))
        assert large.status_code == 413
        assert "33554432" in large.json()["text"]

        def pieces() -> Iterator[bytes]:
            for _ in range(70):
                yield b"x" * (1024 * 1024)

        assert door.post("/v1/messages", content=pieces()).status_code == 413
        assert door.get(f"/v1/messages/{_new()}").status_code == 404


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_no_body_brings_the_door_down(road: LocalProfile, body: bytes) -> None:
    with road.http() as door:
        assert door.post("/v1/messages", content=body).status_code == 400


def test_the_published_surface_is_served(road: LocalProfile) -> None:
    with road.http() as door:
        assert door.get("/openapi.json").json()["openapi"] == "3.1.0"
        assert door.get("/asyncapi.yaml").text.startswith("asyncapi: 3.0.0")
        assert "WebSocket" in door.get("/widget.js").text
        assert door.get("/readyz").status_code == 200
        assert door.get("/metrics").status_code == 404
    with road.http(base="console") as console:
        assert console.get("/metrics").status_code == 404
    road.send("Faturam yanlış", _new())
    metrics = http_clients.get(f"{road.access['ops']['ingest']}/metrics").text
    assert "santral_messages_accepted_total" in metrics


def test_every_stage_answers_its_probes_and_the_watch_counts(road: LocalProfile) -> None:
    for name, base in road.access["ops"].items():
        assert http_clients.get(f"{base}/livez").status_code == 200, name
        assert http_clients.get(f"{base}/readyz").status_code == 200, (
            name,
            http_clients.get(f"{base}/readyz").text,
        )
    road.send("Faturam yanlış", _new())
    watch = road.access["ops"]["watch"]
    wait(
        "the watch counts decisions",
        lambda: "santral_watch_events_total" in http_clients.get(f"{watch}/metrics").text,
    )
