"""A vendor's webhook: proven, taken apart, in Kafka and answered, against a bare 202 for its body.

Between the two is the proof alone, by a server that verifies the same signature and answers.
"""

import asyncio
import hmac
import os
import subprocess
import sys
import time
from hashlib import sha256
from typing import Any

import msgspec
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.doors.door import CONNECTIONS, SECONDS, TOKENS, _wait
from bench.support import TEXTS
from cli.up.ports import free_port
from ingest.vendors import meta_webhook
from ingest.webhook import WebhookRequest, check_body_signature
from runtime.http import server
from tests.support.samples.registry import SAMPLES
from tests.support.servers.broker import start_broker

SECRET = "bench"
CALL = SAMPLES["whatsapp"].document
VALUE = CALL["entry"][0]["changes"][0]["value"]


async def _bare(request: Request) -> Response:
    await request.body()
    return Response(b"ok")


async def _proven(request: Request) -> Response:
    call = WebhookRequest(
        method="POST",
        path="/",
        query={},
        body=await request.body(),
        headers={k.lower(): v for k, v in request.headers.items()},
    )
    check_body_signature(call, meta_webhook.SIGNATURE_HEADER, (SECRET,), "sha256=")
    return Response(b"ok")


async def _serve(port: int) -> None:
    routes = [Route("/bare", _bare, methods=["POST"]), Route("/proven", _proven, methods=["POST"])]
    await server.build_server(Starlette(routes=routes)).serve(
        sockets=[server.open_listener("127.0.0.1", port)]
    )


def _call(number: int, sent: int) -> bytes:
    phone = f"9053{number:08d}"
    message = VALUE["messages"][0] | {
        "from": phone,
        "id": f"wamid.{number}.{sent}.{time.time_ns()}",
        "timestamp": str(int(time.time())),
        "text": {"body": TEXTS[sent % len(TEXTS)]},
    }
    contact = {"wa_id": phone, "profile": {"name": "A"}}
    value = VALUE | {"contacts": [contact], "messages": [message]}
    change = {"field": "messages", "value": value}
    return msgspec.json.encode(CALL | {"entry": [{"id": "1", "changes": [change]}]})


async def _client(port: int, path: str, number: int, until: float, counts: list[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    while time.perf_counter() < until:
        sent += 1
        body = _call(number, sent)
        signature = hmac.new(SECRET.encode(), body, sha256).hexdigest()
        writer.write(
            b"POST %s HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=%s\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (path.encode(), signature.encode(), len(body))
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        counts[0 if head.startswith(b"HTTP/1.1 200") else 1] += 1
    writer.close()


async def _load(port: int, path: str, seconds: float) -> float:
    counts = [0, 0]
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_client(port, path, n, until, counts) for n in range(CONNECTIONS)))
    assert counts[1] == 0, counts
    return counts[0] / seconds


def run() -> dict[str, Any]:
    """Measure bare, proven and the door by turns; the load comes from this process."""
    with start_broker() as settings:
        ports = {"bare": free_port(), "door": free_port()}
        environ = {
            **os.environ,
            "SANTRAL_HOME": settings.home,
            "SANTRAL_DOOR__PORT": str(ports["door"]),
            "SANTRAL_KAFKA__BOOTSTRAP": settings.kafka.bootstrap,
            "SANTRAL_CHANNELS__WHATSAPP__BENCH__APP_SECRET": SECRET,
            **TOKENS,
        }
        commands = [
            [
                sys.executable,
                "-c",
                f"import uvloop; from bench.doors.hooks import _serve; uvloop.run(_serve({ports['bare']}))",
            ],
            [sys.executable, "-m", "cli.main", "ingest"],
        ]
        running = [subprocess.Popen(c, env=environ, stderr=subprocess.DEVNULL) for c in commands]
        paths = {
            "bare": ("bare", "/bare"),
            "proven": ("bare", "/proven"),
            "door": ("door", "/v1/hooks/whatsapp/bench"),
        }
        rates: dict[str, list[float]] = {name: [] for name in paths}
        try:
            for port, path in paths.values():
                _wait(ports[port])
                uvloop.run(_load(ports[port], path, 2))
            for _ in range(2):
                for name, (port, path) in paths.items():
                    rates[name].append(uvloop.run(_load(ports[port], path, SECONDS / 2)))
        finally:
            for process in running:
                process.terminate()
                process.wait(20)
    bare, proven, door = (sum(v) / len(v) for v in rates.values())
    return {
        "connections": CONNECTIONS,
        "bare_per_s": round(bare),
        "proven_per_s": round(proven),
        "door_per_s": round(door),
        "proven_ratio": round(proven / bare, 3),
        "ratio": round(door / bare, 3),
    }
