"""`python -m bench.doors.bare_server PORT`: the baseline, the framework of the door without the door.

It answers a message with 202, and the call of a vendor with 200, at `/proven` after its signature.
"""

import sys

import msgspec
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.vendors import meta_webhook
from ingest.webhook import WebhookRequest, check_body_signature
from runtime.http import server
from schemas.http_api.bodies import Accepted, MessageIn

APP_SECRET = "bench"


def bare_command(port: int) -> list[str]:
    """Return the command that serves the baseline on a port."""
    return [sys.executable, "-m", "bench.doors.bare_server", str(port)]


async def _accept_message(request: Request) -> Response:
    msgspec.json.decode(await request.body(), type=MessageIn)
    return server.json_response(Accepted(id="x", conversation="y"), 202)


async def _accept_call(request: Request) -> Response:
    await request.body()
    return Response(b"ok")


async def _accept_proven_call(request: Request) -> Response:
    call = WebhookRequest(
        method="POST",
        path="/",
        query={},
        body=await request.body(),
        headers={k.lower(): v for k, v in request.headers.items()},
    )
    check_body_signature(call, meta_webhook.SIGNATURE_HEADER, (APP_SECRET,), "sha256=")
    return Response(b"ok")


async def _serve(port: int) -> None:
    routes = [
        Route("/v1/messages", _accept_message, methods=["POST"]),
        Route("/bare", _accept_call, methods=["POST"]),
        Route("/proven", _accept_proven_call, methods=["POST"]),
    ]
    app = Starlette(routes=routes)
    await server.build_server(app).serve(sockets=[server.open_listener("127.0.0.1", port)])


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
