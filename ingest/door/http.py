"""The door: HTTP and WebSocket for push channels.

Before: callers, vendors, visitors. After: ingest/intake/accept.py; 202 only after Kafka's ack. What
belongs to the desk is passed on to it, so that callers need one address.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ingest.channel import Delivery
from ingest.door import public_pages, websocket
from ingest.door.call_memory import CallMemory
from ingest.door.chat_replies import Replies
from ingest.door.contact_form import FormDoor
from ingest.door.desk_proxy import DeskProxy
from ingest.door.webhook_calls import TakeFailed, receive
from ingest.intake.accept import Ingest
from ingest.intake.spool import Pending
from ingest.registry import BEARER, CHANNELS, HOOKS
from ingest.webhook import Call, Hook, Memory
from runtime import metrics
from runtime.health.health import Health
from runtime.http import server
from runtime.http.guard import stranger
from runtime.http.plain_paths import PlainPaths
from runtime.log import get
from runtime.settings.structs import Settings
from schemas.delays import RECOVERY_S, SETUP_PROBLEM_S
from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import Accepted
from schemas.http_api.openapi import openapi
from schemas.publish import PUBLISHED

log = get(__name__)

STATIC = Path(__file__).parent / "static"
_FETCH_TIMEOUT_S = 10.0
_FETCH_LIMIT = 1024 * 1024

Accounts = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Door:
    """What the endpoints share."""

    settings: Settings
    ingest: Ingest
    replies: Replies
    accounts: Accounts
    desk: httpx2.AsyncClient
    outside: httpx2.AsyncClient
    pending: Pending
    memory: Memory = field(default_factory=CallMemory)

    def account(self, channel: str, name: str) -> Any:
        """Return an account's settings; raise Rejected when there is none."""
        if channel not in CHANNELS:
            raise Rejected("channel.unknown", "unknown")
        try:
            return self.accounts[channel][name]
        except KeyError:
            # The log may name the accounts; an answer to a stranger may not.
            log.info("account.unknown", channel=channel, account=name[:100])
            raise Rejected("account.unknown", "unknown") from None

    async def messages(self, request: Request) -> Response:
        """POST /v1/messages."""
        server.require(request, self.settings.tokens.door)
        raw = await server.body(request, self.settings.door.max_json + 32 * 1024 * 1024)
        account = request.query_params.get("account", "default")
        return await self._accept("api", account, raw, request, 202)

    async def hook(self, request: Request) -> Response:
        """POST (and a vendor's GET) /v1/hooks/{channel}/{account}."""
        named, account = request.path_params["channel"], request.path_params["account"]
        if named in HOOKS:
            return await self._called(HOOKS[named], account, request)
        if request.method != "POST":
            raise HTTPException(405)
        server.require(request, self.settings.tokens.door)
        channel = BEARER.get(named, named)
        self.account(channel, account)
        raw = await server.body(request, self.settings.door.max_body)
        return await self._accept(channel, account, raw, request, 200, bury=channel == "email")

    async def _called(self, hook: Hook, account: str, request: Request) -> Response:
        """Take a vendor's call: proven first, then every delivery in it to Kafka, then answered."""
        settings = self.account(hook.channel, account)
        now, sender = self.ingest.clock.now(), stranger(request)
        try:
            call = await self._call(hook, settings, request)
            taken = await receive(hook, call, settings, now, self.fetch, self.memory)
        except TakeFailed as error:
            delivery = Delivery(raw=call.body, account=account, received_at=now)
            await self.ingest.bury_bug(
                hook.channel, delivery, error.__cause__ or error, f"take of {hook.name}"
            )
            return Response(b"ok", media_type="text/plain")
        except Rejected as error:
            metrics.count("santral_messages_rejected_total", channel=hook.name, code=error.code)
            # The log has some of an address's wrong calls; the metric counts all of them.
            if not sender.failed():
                log.warning(
                    "hook.refused",
                    hook=hook.name,
                    account=account,
                    code=error.code,
                    text=error.text,
                )
            if error.code.startswith("signature."):
                # The log says what was missing; a stranger learns nothing about our set-up.
                raise Rejected("signature.wrong", "not proven to be the vendor's call") from None
            raise
        sender.proven()
        for reason in taken.ignored:
            metrics.count("santral_deliveries_ignored_total", hook=hook.name, reason=reason)
        for raw in taken.deliveries:
            delivery = Delivery(
                raw=raw,
                account=account,
                received_at=now,
                hint=taken.hint,
                traceparent=request.headers.get("traceparent"),
            )
            await self.pending.accept(
                CHANNELS[hook.channel], delivery, settings, patient=hook.patient
            )
        taken.kept()
        told = taken.answer
        return Response(told.body, told.status, media_type=told.content_type)

    async def _call(self, hook: Hook, settings: Any, request: Request) -> Call:
        """Read a call; refuse one without its proof before its body is read."""
        headers = {k.lower(): v for k, v in request.headers.items()}
        proofs = hook.proof_headers(settings) if request.method == "POST" else ()
        if proofs and not any(headers.get(name) for name in proofs):
            raise Rejected("signature.missing", f"no {' or '.join(proofs)}")
        limit = min(hook.max_body, self.settings.door.max_body)
        return Call(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            headers=headers,
            body=await server.body(request, limit),
            target=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        )

    async def fetch(self, url: str) -> bytes:
        """GET what a hook asks for; its host was checked there, and redirects are not followed."""
        try:
            async with self.outside.stream("GET", url, timeout=_FETCH_TIMEOUT_S) as found:
                if found.status_code != 200:
                    raise Retry(RECOVERY_S, f"{found.url.host} answered {found.status_code}")
                made = bytearray()
                async for piece in found.aiter_bytes():
                    made += piece
                    if len(made) > _FETCH_LIMIT:
                        raise Retry(
                            SETUP_PROBLEM_S, f"{found.url.host} sent more than {_FETCH_LIMIT} bytes"
                        )
                return bytes(made)
        except httpx2.HTTPError as error:
            raise Retry(RECOVERY_S, f"can't be fetched: {type(error).__name__}") from error

    async def _accept(
        self,
        channel: str,
        account: str,
        raw: bytes,
        request: Request,
        status: int,
        *,
        bury: bool = False,
    ) -> Response:
        settings = self.account(channel, account)
        delivery = Delivery(
            raw=raw,
            account=account,
            received_at=self.ingest.clock.now(),
            traceparent=request.headers.get("traceparent"),
            accepted_by=server.token_name(self.settings.tokens.door),
        )
        try:
            message = await self.ingest.accept(CHANNELS[channel], delivery, settings, bury=bury)
        except Rejected as error:
            if error.code != "delivery.ignored":
                raise
            return server.fault(status, error.code, error.text)
        if message is None:
            return server.fault(status, "buried", "kept as a dead letter: `santral dead list`")
        return server.answer(Accepted(id=message.id, conversation=message.conversation), status)

    async def chat(self, socket: WebSocket) -> None:
        """GET /v1/chat as a WebSocket; `?account=` names the chat account."""
        name = socket.query_params.get("account", "default")
        try:
            settings = self.account("chat", name)
        except Rejected as error:
            await socket.close(code=4404, reason=error.text[:120])
            return
        await websocket.serve(socket, self.ingest, self.replies, name, settings)

    async def form(self, request: Request) -> Response:
        """GET and POST /v1/forms/{account}: the contact form, and what was filled in."""
        account = request.path_params["account"]
        key, limit = self.settings.tokens.signing.encode(), self.settings.door.max_body
        form = FormDoor(ingest=self.ingest, pending=self.pending, key=key, max_body=limit)
        return await form.answer(request, account, self.account("form", account))

    async def chat_page(self, request: Request) -> Response:
        """GET /chat: the chat as customers see it, and the line that embeds it."""
        account = next(iter(self.accounts.get("chat", {})), "default")
        language = public_pages.language_of(request)
        return public_pages.respond(public_pages.chat_page(language, account))


async def _openapi(_request: Request) -> Response:
    return Response(_openapi_json(), media_type="application/json")


@functools.cache
def _openapi_json() -> bytes:
    return msgspec.json.encode(openapi())


async def _asyncapi(_request: Request) -> Response:
    return FileResponse(PUBLISHED / "asyncapi.yaml", media_type="application/yaml")


async def _widget(_request: Request) -> Response:
    return FileResponse(
        STATIC / "widget.js",
        media_type="text/javascript",
        headers={"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"},
    )


def _script(name: str) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a script of the public pages."""

    async def answer(_request: Request) -> Response:
        headers = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}
        return FileResponse(STATIC / name, media_type="text/javascript", headers=headers)

    return answer


def app(door: Door, health: Health) -> Starlette:
    """Return the door as an ASGI application."""

    async def home(request: Request) -> Response:
        # A developer on this machine looks for the console here; nobody else learns its address.
        if not server.is_local(request):
            raise HTTPException(404)
        return RedirectResponse(door.settings.door.desk_url)

    routes = [
        Route("/v1/messages", door.messages, methods=["POST"]),
        Route("/v1/hooks/{channel}/{account}", door.hook, methods=["POST", "GET"]),
        # Mailgun sends the raw mail to URLs that end in "mime" alone.
        Route("/v1/hooks/{channel}/{account}/mime", door.hook, methods=["POST"]),
        *DeskProxy(desk=door.desk, max_body=door.settings.door.max_json).routes(),
        Route("/v1/forms/{account}", door.form, methods=["GET", "POST"]),
        WebSocketRoute("/v1/chat", door.chat),
        Route("/widget.js", _widget),
        Route("/chat", door.chat_page),
        Route("/chat.js", _script("chat.js")),
        Route("/form.js", _script("form.js")),
        Route("/openapi.json", _openapi),
        Route("/asyncapi.yaml", _asyncapi),
        Route("/", home),
        *(Route(path, endpoint) for path, endpoint in server.probes(health).items()),
    ]
    application = Starlette(
        routes=routes, exception_handlers=server.HANDLERS, middleware=[Middleware(PlainPaths)]
    )
    application.router.redirect_slashes = (
        False  # it would answer with the host that the caller named
    )
    return application
