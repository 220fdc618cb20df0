"""The door serves HTTP and WebSocket to callers, vendors and visitors.

It hands their deliveries to ingest/intake/accept.py, and answers 202 only after Kafka's ack. It
passes the desk's calls on to the desk, so that callers need one address.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from ingest.accounts import DEFAULT_ACCOUNT
from ingest.channel import Account, AccountSettings, Delivery
from ingest.channels.chat import Account as ChatAccount
from ingest.channels.form import Account as FormAccount
from ingest.door import public_pages
from ingest.door.busy_paths import BusyPaths
from ingest.door.call_memory import CallMemory
from ingest.door.chat_replies import ChatReplies
from ingest.door.contact_form import FormDoor
from ingest.door.desk_proxy import DeskProxy
from ingest.door.webhook_calls import TakeFailed, receive
from ingest.door.websocket import ChatDoor
from ingest.intake.accept import Ingest
from ingest.registry import BEARER, CHANNELS, WEBHOOKS
from ingest.webhook import MIB, AnyWebhook, Memory, Webhook, WebhookRequest
from runtime import metrics
from runtime.health.checks import Health
from runtime.http import server
from runtime.http.guard import Stranger, stranger
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
_MAX_FETCH_BYTES = MIB  # a certificate is a few KiB
_MAX_ATTACHMENT_BYTES = 32 * MIB
"""The bytes of a message's attachments in base64, beyond the limit of its other JSON."""

Accounts = Mapping[str, Mapping[str, AccountSettings]]


@dataclass(frozen=True, kw_only=True)
class Door:
    """The endpoints, and their shared clients. `outside` fetches the addresses in webhook calls."""

    settings: Settings
    ingest: Ingest
    replies: ChatReplies
    accounts: Accounts
    desk: httpx2.AsyncClient
    outside: httpx2.AsyncClient
    memory: Memory = field(default_factory=CallMemory)

    @functools.cached_property
    def _chats(self) -> ChatDoor:
        return ChatDoor(self.ingest, self.replies)

    def settings_of(self, channel: str, account: str) -> AccountSettings:
        """Return an account's settings; raise Rejected when there is no such account."""
        if channel not in CHANNELS:
            raise Rejected("channel.unknown", "unknown")
        try:
            return self.accounts[channel][account]
        except KeyError:
            # The log may name the accounts; an answer to a stranger may not.
            log.info("account.unknown", channel=channel, account=account[:100])
            raise Rejected("account.unknown", "unknown") from None

    async def messages(self, request: Request) -> Response:
        """POST /v1/messages."""
        server.require_token(request, self.settings.tokens.door)
        raw = await server.read_body(request, self.settings.door.max_json + _MAX_ATTACHMENT_BYTES)
        account = request.query_params.get("account", DEFAULT_ACCOUNT)
        return await self._accept("api", account, raw, request, 202)

    async def hook(self, request: Request) -> Response:
        """POST (and a vendor's GET) /v1/hooks/{channel}/{account}."""
        name, account = request.path_params["channel"], request.path_params["account"]
        if name in WEBHOOKS:
            return await self._receive_call(WEBHOOKS[name], account, request)
        if request.method != "POST":
            raise HTTPException(405)
        server.require_token(request, self.settings.tokens.door)
        channel = BEARER.get(name, name)
        self.settings_of(channel, account)
        raw = await server.read_body(request, self.settings.door.max_body)
        return await self._accept(channel, account, raw, request, 200)

    async def _receive_call(self, webhook: AnyWebhook, account: str, request: Request) -> Response:
        """Answer a vendor's call, once it is proven and every delivery in it is safe."""
        settings = self.settings_of(webhook.channel, account)
        now, sender = self.ingest.clock.now(), stranger(request)
        try:
            call = await self._read_call(webhook, settings, request)
            result = await receive(webhook, call, settings, now, self.fetch, self.memory)
        except TakeFailed as error:
            delivery = Delivery(raw=call.body, account=account, received_at=now)
            await self.ingest.bury_bug(
                webhook.channel, delivery, error.__cause__ or error, f"take of {webhook.name}"
            )
            return Response(b"ok", media_type="text/plain")
        except Rejected as error:
            _note_refusal(webhook.name, account, sender, error)
            if error.code.startswith("signature."):
                # The log says what was missing; a stranger learns nothing about our set-up.
                raise Rejected("signature.wrong", "not proven to be the vendor's call") from None
            raise
        sender.proven()
        for reason in result.ignored:
            metrics.count("santral_deliveries_ignored_total", hook=webhook.name, reason=reason)
        for raw in result.deliveries:
            delivery = Delivery(
                raw=raw,
                account=account,
                received_at=now,
                by_reference=result.by_reference,
                traceparent=request.headers.get("traceparent"),
            )
            channel = CHANNELS[webhook.channel]
            await self.ingest.publish_or_spool(channel, settings, delivery, patient=webhook.patient)
        result.on_safe()
        response = result.response
        return Response(response.body, response.status, media_type=response.content_type)

    async def _read_call(
        self, webhook: Webhook[Account], settings: Account, request: Request
    ) -> WebhookRequest:
        """Return a call; refuse one without its proof before its body is read."""
        headers = {k.lower(): v for k, v in request.headers.items()}
        proofs = webhook.proof_headers(settings) if request.method == "POST" else ()
        if proofs and not any(headers.get(name) for name in proofs):
            raise Rejected("signature.missing", f"no {' or '.join(proofs)}")
        limit = min(webhook.max_body, self.settings.door.max_body)
        return WebhookRequest(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            headers=headers,
            body=await server.read_body(request, limit),
            target=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        )

    async def fetch(self, url: str) -> bytes:
        """Return the content of an address whose host a webhook checked; follow no redirect."""
        try:
            async with self.outside.stream("GET", url, timeout=_FETCH_TIMEOUT_S) as response:
                host = response.url.host
                if response.status_code != 200:
                    raise Retry(RECOVERY_S, f"{host} answered {response.status_code}")
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _MAX_FETCH_BYTES:
                        text = f"{host} sent more than {_MAX_FETCH_BYTES} bytes"
                        raise Retry(SETUP_PROBLEM_S, text)
                return bytes(content)
        except httpx2.HTTPError as error:
            raise Retry(RECOVERY_S, f"can't be fetched: {type(error).__name__}") from error

    async def _accept(
        self, channel: str, account: str, raw: bytes, request: Request, status: int
    ) -> Response:
        """Publish a caller's own delivery, and answer with the id of its message."""
        settings = self.settings_of(channel, account)
        delivery = Delivery(
            raw=raw,
            account=account,
            received_at=self.ingest.clock.now(),
            traceparent=request.headers.get("traceparent"),
            accepted_by=server.token_name(self.settings.tokens.door),
        )
        # A mail comes from a customer, who can't correct it: a refused one is a dead letter.
        publish = (
            self.ingest.publish_or_bury if channel == "email" else self.ingest.publish_or_refuse
        )
        try:
            message = await publish(CHANNELS[channel], delivery, settings)
        except Rejected as error:
            if error.code != "delivery.ignored":
                raise
            return server.error_response(status, error.code, error.text)
        if message is None:
            return server.error_response(
                status, "buried", "kept as a dead letter: `santral dead list`"
            )
        return server.json_response(
            Accepted(id=message.id, conversation=message.conversation), status
        )

    async def chat(self, socket: WebSocket) -> None:
        """GET /v1/chat as a WebSocket; `?account=` names the chat account."""
        account = socket.query_params.get("account", DEFAULT_ACCOUNT)
        try:
            settings = self.settings_of("chat", account)
        except Rejected as error:
            await socket.close(code=4404, reason=error.text[:120])
            return
        assert isinstance(settings, ChatAccount)
        await self._chats.serve(socket, account, settings)

    async def form(self, request: Request) -> Response:
        """GET and POST /v1/forms/{account}: the contact form, and what was filled in."""
        account = request.path_params["account"]
        key, limit = self.settings.tokens.signing.encode(), self.settings.door.max_body
        settings = self.settings_of("form", account)
        assert isinstance(settings, FormAccount)
        form = FormDoor(ingest=self.ingest, key=key, max_body=limit)
        return await form.answer(request, account, settings)

    async def chat_page(self, request: Request) -> Response:
        """GET /chat: the chat as customers see it, and the line that embeds it."""
        account = next(iter(self.accounts.get("chat", {})), DEFAULT_ACCOUNT)
        language = public_pages.language_of(request)
        return public_pages.respond(public_pages.chat_page(language, account))


def _note_refusal(webhook: str, account: str, sender: Stranger, error: Rejected) -> None:
    """Count a refused call, and log it until its address has failed too often."""
    metrics.count("santral_messages_rejected_total", channel=webhook, code=error.code)
    if not sender.failed():
        log.warning("hook.refused", hook=webhook, account=account, code=error.code, text=error.text)


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


def app(door: Door, health: Health) -> ASGIApp:
    """Return the door as an ASGI application."""
    return BusyPaths(door.messages, door.hook, table(door, health))


def table(door: Door, health: Health) -> Starlette:
    """Return the application of all addresses, the busy ones too."""

    async def home(request: Request) -> Response:
        # A developer on this machine looks for the console here; nobody else learns its address.
        if not server.is_local(request):
            raise HTTPException(404)
        return RedirectResponse(door.settings.door.desk_url)

    routes = [
        Route("/v1/messages", door.messages, methods=["POST"]),
        Route("/v1/hooks/{channel}/{account}", door.hook, methods=["POST", "GET"]),
        # Mailgun sends the raw mail only to URLs that end in "mime".
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
        *(Route(path, endpoint) for path, endpoint in server.probe_endpoints(health).items()),
    ]
    application = Starlette(
        routes=routes, exception_handlers=server.HANDLERS, middleware=[Middleware(PlainPaths)]
    )
    # A redirect would answer with the host that the caller named.
    application.router.redirect_slashes = False
    return application
