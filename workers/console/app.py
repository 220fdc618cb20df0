"""The console's server: the pages, the desk's API and the read API on one port.

Every page needs a signed-in person, and the API needs its own tokens.
"""

import asyncio
from pathlib import Path
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.http import server, sign_in_link
from runtime.http.guard import stranger
from runtime.http.plain_paths import PlainPaths
from runtime.redis.errors import AWAY
from schemas.errors import Retry, Unavailable
from schemas.http_api.openapi import openapi
from schemas.publish import PUBLISHED
from workers.console import session
from workers.console.api import HANDLERS, ConsoleApi, StoreAway, routes
from workers.console.pages.customers import CustomerPages
from workers.console.pages.desk import DeskPages
from workers.console.pages.entry import EntryPages
from workers.console.pages.errors import ErrorPages
from workers.console.pages.flow import FlowPages
from workers.console.pages.incidents import IncidentPages
from workers.console.pages.item import ItemPages
from workers.console.pages.messages import MessagePages
from workers.console.pages.renderer import Renderer
from workers.console.pages.rules import RulePages
from workers.console.pages.sign_in import SignInPages

_STATIC = Path(__file__).parent / "static"
_HEADERS = (
    (
        b"content-security-policy",
        (
            b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; "
            b"base-uri 'none'; form-action 'self'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


def _outage_handlers(errors: ErrorPages) -> dict[type[Exception], server.ErrorHandler]:
    """Return the handlers of outages: a page for people, JSON for the API."""

    def choose(answer_program: server.ErrorHandler) -> server.ErrorHandler:
        async def handler(request: Request, error: Exception) -> Response:
            if request.url.path.startswith("/v1/"):
                return await answer_program(request, error)
            return await errors.outage(request, error)

        return handler

    return {kind: choose(HANDLERS[kind]) for kind in (*AWAY, Retry, Unavailable)}


class _SecurityHeaders:
    """Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def app(api: ConsoleApi, health: Health, _stop: asyncio.Event) -> Starlette:
    """Return the console as an ASGI application."""
    renderer = Renderer(api.settings)
    errors = ErrorPages(renderer)
    return Starlette(
        routes=[
            *routes(api),
            *(Route(path, endpoint) for path, endpoint in server.probe_endpoints(health).items()),
            Route("/openapi.json", _openapi),
            Route("/asyncapi.yaml", _asyncapi),
            Mount("/static", StaticFiles(directory=_STATIC)),
            *_page_routes(api, renderer),
        ],
        exception_handlers={
            **HANDLERS,
            **_outage_handlers(errors),
            404: errors.not_found,
            StoreAway: errors.store_outage,
        },
        middleware=[Middleware(_SecurityHeaders), Middleware(PlainPaths)],
    )


def _page_routes(api: ConsoleApi, renderer: Renderer) -> list[Route]:
    """Return the routes of the pages."""
    sign_in = SignInPages(api.settings, renderer)
    flow, messages = FlowPages(api, renderer), MessagePages(api, renderer)
    entry, rules = EntryPages(api, renderer), RulePages(api, renderer)
    incidents, desk = IncidentPages(api, renderer), DeskPages(api, renderer)
    items, customers = ItemPages(api, renderer, desk), CustomerPages(api, renderer)

    def guarded(page: server.Endpoint) -> server.Endpoint:
        """Return the page for signed-in people only."""

        async def endpoint(request: Request) -> Response:
            token = request.query_params.get("token", "")
            if token:
                return await _sign_in_by_link(api, request, token)
            if session.person(request, api.settings) is None:
                return _redirect_to_login(request)
            return await own_form(page)(request)

        return endpoint

    return [
        Route("/login", own_form(sign_in.login), methods=["GET", "POST"]),
        Route("/logout", own_form(sign_in.logout), methods=["POST"]),
        Route("/language", own_form(sign_in.switch_language), methods=["POST"]),
        Route("/", guarded(flow.flow)),
        Route("/flow/live", guarded(flow.flow_live)),
        Route("/messages", guarded(messages.messages)),
        Route("/messages/{id}", guarded(messages.message), methods=["GET", "POST"]),
        Route("/messages/{id}/customer", guarded(customers.customer), methods=["GET"]),
        Route("/messages/{id}/customer", guarded(customers.link), methods=["POST"]),
        Route("/messages/{id}/files/{sha256}", guarded(messages.file)),
        Route("/entry", guarded(entry.entry), methods=["GET", "POST"]),
        Route("/rules", guarded(rules.rules), methods=["GET", "POST"]),
        Route("/incidents", guarded(incidents.incidents)),
        Route("/incidents/live", guarded(incidents.incidents_live)),
        Route("/incidents/{id}", guarded(incidents.incident)),
        Route("/incidents/{id}/live", guarded(incidents.incident_live)),
        Route("/incidents/{id}/{verb}", guarded(incidents.judge), methods=["POST"]),
        Route("/desk", guarded(desk.desks)),
        Route("/desk/{department}", guarded(desk.desk), methods=["GET", "POST"]),
        Route("/desk/{department}/{item}", guarded(items.item)),
        Route("/desk/{department}/{item}/heartbeat", guarded(items.heartbeat), methods=["POST"]),
        Route("/desk/{department}/{item}/draft", guarded(items.draft), methods=["POST"]),
        Route("/desk/{department}/{item}/{verb}", guarded(items.act), methods=["POST"]),
        Route("/desk/{department}/{item}/{verb}", guarded(items.past)),
    ]


async def _openapi(_request: Request) -> Response:
    return Response(msgspec.json.encode(openapi()), media_type="application/json")


async def _asyncapi(_request: Request) -> Response:
    return FileResponse(PUBLISHED / "asyncapi.yaml", media_type="application/yaml")


def own_form(page: server.Endpoint) -> server.Endpoint:
    """Return the page, which refuses a form that another site sent."""

    async def endpoint(request: Request) -> Response:
        if request.method == "POST" and not session.same_site(request):
            return server.error_response(403, "origin.wrong", "this form came from another site")
        return await page(request)

    return endpoint


async def _sign_in_by_link(api: ConsoleApi, request: Request, word: str) -> Response:
    """Sign in once by the link of `santral up`, and remove its word from the address."""
    token = api.settings.tokens.console
    if not server.matches_token(word, token) and not await _use_link(api, word):
        wait = stranger(request).failed()
        return server.too_many_attempts(wait) if wait else RedirectResponse("/login?link=used", 303)
    answer = RedirectResponse(request.url.path, 303)
    session.sign_in(answer, api.settings, "admin")
    return answer


async def _use_link(api: ConsoleApi, word: str) -> bool:
    """Use a link's word, and say whether it was valid and unused; raise AWAY without Redis."""
    nonce = sign_in_link.read(api.settings.tokens.console, word, SystemClock().now())
    if nonce is None:
        return False
    seconds = int(sign_in_link.VALID_FOR.total_seconds())
    return await api.desk.desk_queue.use_once(nonce, seconds)


def _redirect_to_login(request: Request) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    # Return to the page after signing in, but not to a form's target or a part of a page.
    is_page = request.method == "GET" and not request.url.path.endswith("/live")
    return RedirectResponse(f"/login?next={quote(request.url.path if is_page else '/')}", 303)
