"""The console's server: pages, the desk's API and the read API on one port.

Before: workers/run.py. After: browsers and agents' tools. Every page needs a signed-in person;
the API needs its own tokens.
"""

import asyncio
from pathlib import Path
from typing import Any
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
from workers.console.api import HANDLERS, Api, StoreAway, routes
from workers.console.customer_pages import CustomerPages
from workers.console.desk_pages import DeskPages
from workers.console.incident_pages import IncidentPages
from workers.console.pages import Pages

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


def _away_handlers(pages: Pages) -> dict[Any, Any]:
    """Return the handlers of outages: a page for a page, JSON for the API."""

    def choose(answer_api: Any) -> Any:
        async def handler(request: Request, error: Exception) -> Response:
            if request.url.path.startswith("/v1/"):
                answer: Response = await answer_api(request, error)
                return answer
            return await pages.away(request, error)

        return handler

    return {kind: choose(HANDLERS[kind]) for kind in (*AWAY, Retry, Unavailable)}


class _Headers:
    """Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def app(api: Api, health: Health, _stop: asyncio.Event) -> Starlette:
    """Return the console as an ASGI application."""
    pages = Pages(api)
    people = CustomerPages(api, pages.page)
    desk = DeskPages(api, pages.page)
    crisis = IncidentPages(api, pages.page)

    def guarded(page: server.Endpoint) -> server.Endpoint:
        async def endpoint(request: Request) -> Response:
            token = request.query_params.get("token", "")
            if token:
                return await _enter(api, request, token)
            if session.person(request, api.settings) is None:
                return _to_login(request)
            return await own_form(page)(request)

        return endpoint

    async def openapi_json(_request: Request) -> Response:
        return Response(msgspec.json.encode(openapi()), media_type="application/json")

    async def asyncapi(_request: Request) -> Response:
        return FileResponse(PUBLISHED / "asyncapi.yaml", media_type="application/yaml")

    return Starlette(
        routes=[
            *routes(api),
            *(Route(path, endpoint) for path, endpoint in server.probes(health).items()),
            Route("/openapi.json", openapi_json),
            Route("/asyncapi.yaml", asyncapi),
            Mount("/static", StaticFiles(directory=_STATIC)),
            Route("/login", own_form(pages.login), methods=["GET", "POST"]),
            Route("/logout", own_form(pages.logout), methods=["POST"]),
            Route("/language", own_form(pages.language), methods=["POST"]),
            Route("/", guarded(pages.flow)),
            Route("/flow/live", guarded(pages.flow_live)),
            Route("/messages", guarded(pages.messages)),
            Route("/messages/{id}", guarded(pages.message), methods=["GET", "POST"]),
            Route("/messages/{id}/customer", guarded(people.customer), methods=["GET"]),
            Route("/messages/{id}/customer", guarded(people.say), methods=["POST"]),
            Route("/messages/{id}/files/{sha256}", guarded(pages.file)),
            Route("/entry", guarded(pages.entry), methods=["GET", "POST"]),
            Route("/rules", guarded(pages.rules), methods=["GET", "POST"]),
            Route("/incidents", guarded(crisis.incidents)),
            Route("/incidents/live", guarded(crisis.incidents_live)),
            Route("/incidents/{id}", guarded(crisis.incident)),
            Route("/incidents/{id}/live", guarded(crisis.incident_live)),
            Route("/incidents/{id}/{verb}", guarded(crisis.judge), methods=["POST"]),
            Route("/desk", guarded(desk.desks)),
            Route("/desk/{department}", guarded(desk.desk), methods=["GET", "POST"]),
            Route("/desk/{department}/{item}/heartbeat", guarded(desk.beat), methods=["POST"]),
            Route("/desk/{department}/{item}/{verb}", guarded(desk.act), methods=["POST"]),
        ],
        exception_handlers=HANDLERS
        | _away_handlers(pages)
        | {404: pages.not_found, StoreAway: pages.store_away},
        middleware=[Middleware(_Headers), Middleware(PlainPaths)],
    )


def own_form(page: server.Endpoint) -> server.Endpoint:
    """Return the page, which refuses a form that another site sent."""

    async def endpoint(request: Request) -> Response:
        if request.method == "POST" and not session.same_site(request):
            return server.fault(403, "origin.wrong", "this form came from another site")
        return await page(request)

    return endpoint


async def _enter(api: Api, request: Request, word: str) -> Response:
    """Sign in once by the link of `santral up`, and remove its word from the address."""
    token = api.settings.tokens.console
    if not server.same(word, token) and not await _opens_once(api, word):
        wait = stranger(request).failed()
        return server.too_many(wait) if wait else RedirectResponse("/login?link=used", 303)
    answer = RedirectResponse(request.url.path, 303)
    session.sign_in(answer, api.settings, "admin")
    return answer


async def _opens_once(api: Api, word: str) -> bool:
    """Say whether a link's word is valid and unused; raise AWAY while Redis can't say it."""
    nonce = sign_in_link.read(api.settings.tokens.console, word, SystemClock().now())
    if nonce is None:
        return False
    seconds = int(sign_in_link.VALID_FOR.total_seconds())
    return await api.desk.desk_queue.use_once(nonce, seconds)


def _to_login(request: Request) -> Response:
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": "/login"})
    # Back to the page after signing in, but not to a form's target or a part of a page.
    whole = request.method == "GET" and not request.url.path.endswith("/live")
    return RedirectResponse(f"/login?next={quote(request.url.path if whole else '/')}", 303)
