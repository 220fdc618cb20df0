"""The server of the door, the desk's API and the console, with the helpers of their endpoints.

The helpers are JSON by msgspec, bodies with a limit, bearer tokens and the answers to errors.
"""

import asyncio
import contextlib
import functools
import hashlib
import hmac
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeVar

import msgspec
import uvicorn
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.health.checks import Health
from runtime.http.guard import Guard, stranger
from runtime.http.guarded_http import protocol
from runtime.http.guarded_sockets import sockets_protocol
from runtime.log import get
from runtime.settings.limits import LimitsSettings
from schemas.base import Record
from schemas.errors import Rejected, Retry, Unavailable
from schemas.http_api.bodies import PERSONAL_HEADER, Fault

log = get(__name__)

R = TypeVar("R", bound=Record)
Endpoint = Callable[[Request], Awaitable[Response]]
ErrorHandler = Callable[[Request, Exception], Awaitable[Response]]
"""Answers a request whose endpoint raised an exception."""

STATUS = {
    "body.too_large": 413,
    "account.unknown": 404,
    "channel.unknown": 404,
    "department.unknown": 404,
    "message.unknown": 404,
    "incident.unknown": 404,
    "incident.ended": 409,
    "participant.unconfirmed": 409,
    "token.missing": 401,
    "token.wrong": 401,
    "signature.missing": 401,
    "signature.wrong": 401,
    "signature.stale": 401,
    "signature.unset": 401,
    "reply.forbidden": 409,
    "reply.too_late": 409,
    "reply.no_server": 409,
    "reply.no_address": 409,
    "reply.repeated": 409,
    "reply.too_many": 409,
    "key.reused": 422,
}
"""HTTP status of a rejection code; all others are 400."""

SOCKETS_LIMIT = 128 * 1024
"""Largest WebSocket frame in bytes: the longest line of a chat with every letter escaped."""

_LOOPBACK = ("127.0.0.1", "::1")

_encoder = msgspec.json.Encoder()


def json_response(body: Record, status: int = 200) -> Response:
    """Return an answer with a Struct as JSON."""
    return Response(_encoder.encode(body), status, media_type="application/json")


def error_response(status: int, code: str, text: str, after: float | None = None) -> Response:
    """Return an error answer; msgspec's ` - at `$.path`` becomes the body's `path`."""
    sentence, _, path = text.partition(" - at `")
    headers = {"Cache-Control": "no-store"}
    if after is not None:
        headers["Retry-After"] = str(max(1, round(after)))
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="santral"'
    json_path = path.rstrip("`") or ("$" if code.startswith("json.") else None)
    body = _encoder.encode(Fault(code=code, text=sentence, path=json_path))
    return Response(body, status, headers, media_type="application/json")


async def on_rejected(request: HTTPConnection, error: Exception) -> Response:
    """Answer a Rejected that an endpoint raised, with 429 for too many wrong tokens."""
    assert isinstance(error, Rejected)
    if error.code == "token.wrong" and (wait := stranger(request).failed()):
        return too_many_attempts(wait)
    return error_response(STATUS.get(error.code, 400), error.code, error.text)


def too_many_attempts(wait: float) -> Response:
    """Answer an address with too many wrong attempts; a right token still works."""
    return error_response(429, "too_many", "too many wrong attempts from this address", wait)


async def on_retry(_request: HTTPConnection, error: Exception) -> Response:
    """Answer a Retry that an endpoint raised: 503 with Retry-After."""
    after = error.after if isinstance(error, Retry) else 5
    return error_response(
        503, "try_again", f"{error}; it is not known to be accepted, send it again", after
    )


async def on_http(_request: HTTPConnection, error: Exception) -> Response:
    """Answer Starlette's own errors in our form."""
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, f"http.{error.status_code}", str(error.detail))


async def on_bug(request: HTTPConnection, error: Exception) -> Response:
    """Answer a bug of ours with 500, and log its traceback."""
    log.error("http.bug", path=request.url.path[:200], exc_info=error)
    return error_response(500, "http.500", "a bug of ours: its traceback is in the log")


async def on_gone(_request: HTTPConnection, _error: Exception) -> Response:
    """Return an answer for the log, because the caller left in the middle of the body."""
    return error_response(400, "http.400", "the body is incomplete")


HANDLERS: dict[type[Exception], ErrorHandler] = {
    Rejected: on_rejected,
    Retry: on_retry,
    Unavailable: on_retry,
    HTTPException: on_http,
    ClientDisconnect: on_gone,
    Exception: on_bug,
}


async def answer(endpoint: Endpoint, request: Request) -> Response:
    """Return an endpoint's answer, or that of HANDLERS to its exception, as Starlette does."""
    try:
        return await endpoint(request)
    except Exception as error:  # noqa: BLE001 - the handler of a bug logs it
        handler = next(HANDLERS[kind] for kind in type(error).__mro__ if kind in HANDLERS)
        return await handler(request, error)


async def read_body(request: Request, limit: int) -> bytes:
    """Return the raw body; raise Rejected(body.too_large) as soon as it is over `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise Rejected("body.too_large", f"{declared} bytes, the limit is {limit}")
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise Rejected("body.too_large", f"over {size} bytes, the limit is {limit}")
        pieces.append(piece)
    return b"".join(pieces)


def require_token(request: HTTPConnection, *tokens: str) -> None:
    """Raise Rejected unless the request bears one of the tokens (RFC 6750)."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential.strip():
        raise Rejected("token.missing", "send `Authorization: Bearer TOKEN`")
    if not matches_token(credential.strip(), *tokens):
        raise Rejected("token.wrong")
    stranger(request).proven()


def token_holder(request: HTTPConnection, **tokens: str) -> str:
    """Return the name of the request's token; raise Rejected without a valid one."""
    require_token(request, *tokens.values())
    credential = request.headers["authorization"].partition(" ")[2].strip()
    # If two tokens are equal, the last one wins, because it has the most rights.
    return [name for name, token in tokens.items() if matches_token(credential, token)][-1]


@functools.cache
def token_name(token: str) -> str:
    """Return the name under which records keep a token: twelve hex digits of its SHA-256."""
    return hashlib.sha256(f"santral.token.{token}".encode()).hexdigest()[:12]


def may_see_personal(request: HTTPConnection, token: str) -> bool:
    """Return whether the request bears the token of personal numbers; reject a wrong one."""
    credential = request.headers.get(PERSONAL_HEADER, "").strip()
    if not credential:
        return False
    if not matches_token(credential, token):
        raise Rejected("token.wrong", f"the `{PERSONAL_HEADER}` gives no right to personal numbers")
    return True


def matches_token(credential: str, *tokens: str) -> bool:
    """Compare with each token in constant time; an unset token matches nothing."""
    matches = [
        hmac.compare_digest(credential.encode(), token.encode()) for token in tokens if token
    ]
    return any(matches)


def is_local(request: HTTPConnection) -> bool:
    """Return whether a request came from this machine to this machine, without a proxy."""
    peer = request.client.host if request.client else ""
    return (
        peer in _LOOPBACK
        and request.url.hostname in (*_LOOPBACK, "localhost")
        and not any(name in request.headers for name in ("x-forwarded-for", "forwarded", "via"))
    )


def probe_endpoints(health: Health) -> dict[str, Endpoint]:
    """Return the endpoints of /livez and /readyz; /metrics is on the ops port alone."""

    async def livez(_request: Request) -> Response:
        return Response(b'{"live": true}', media_type="application/json")

    async def readyz(_request: Request) -> Response:
        status, text = health.report(public=True)
        return Response(text, status, media_type="application/json")

    return {"/livez": livez, "/readyz": readyz}


def open_listener(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a listening socket; raise Unavailable if another program uses the address.

    Several processes of one user may listen on a `shared` address.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"{host}:{port} can't be listened on ({error.strerror}). Stop what uses it, or set "
            "another port in santral.toml."
        ) from error
    listener.listen(512)
    listener.setblocking(False)
    return listener


class Server(uvicorn.Server):
    """uvicorn within the stage's loop; the stage handles signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def _contained(app: ASGIApp) -> ASGIApp:
    """Return the application, which does not raise a bug again that `on_bug` has answered."""

    async def contained(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception:
            if scope["type"] != "http":
                raise

    return contained


def build_server(app: ASGIApp, guard: Guard | None = None) -> Server:
    """Return a server of `app`; an open connection delays its stop by 3 s at most."""
    # Bytes that are not HTTP are the stranger's mistake, and must not fill our log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    guard = guard or Guard(LimitsSettings())
    config = uvicorn.Config(
        _contained(app),
        http=protocol(guard),
        ws=sockets_protocol(guard),
        ws_max_size=SOCKETS_LIMIT,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
        server_header=False,
        date_header=False,
        proxy_headers=False,
    )
    return Server(config)


async def serve(server: Server, sockets: Sequence[socket.socket], stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then finish the open requests."""
    task = asyncio.create_task(server.serve(sockets=list(sockets)))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await task
