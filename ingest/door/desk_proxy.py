"""Passes requests on to the desk, for a fixed list of addresses and nothing else.

A caller of the door reaches the desk's API on the console's server. The proxy builds the address
from the words that matched, so that no caller's path reaches the console's pages. It passes on only
the headers that are listed here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

import httpx2
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.http import server
from schemas.delays import NEIGHBOUR_S
from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import IDEMPOTENCY_HEADER, PERSONAL_HEADER

_TIMEOUT_S = 40.0  # a claim may wait 30 s
_SENT = (
    "authorization",
    PERSONAL_HEADER.lower(),
    IDEMPOTENCY_HEADER.lower(),
    "content-type",
    "accept",
    "traceparent",
)
_RETURNED = ("content-type", "retry-after", "www-authenticate", "cache-control")


class _Word(Convertor[str]):
    """A word of an address, of letters, digits, `_` and `-`."""

    regex = "[A-Za-z0-9_-]{1,128}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("word", _Word())

ADDRESSES: Mapping[str, str] = {
    "/v1/messages/{id:word}": "GET",
    "/v1/desk/{department:word}/claim": "POST",
    "/v1/desk/items/{id:word}/heartbeat": "POST",
    "/v1/desk/items/{id:word}/reply": "POST",
    "/v1/desk/items/{id:word}/complete": "POST",
    "/v1/desk/items/{id:word}/release": "POST",
    "/v1/desk/items/{id:word}/note": "POST",
    "/v1/desk/items/{id:word}/reroute": "POST",
    "/v1/desk/items/{id:word}/escalate": "POST",
}
"""The addresses that are passed on, each with its method."""


@dataclass(frozen=True, kw_only=True)
class DeskProxy:
    """Passes requests on to the desk; `max_body` in bytes."""

    desk: httpx2.AsyncClient
    max_body: int

    def routes(self) -> list[Route]:
        """Return a route for each address."""
        return [
            Route(template, self._endpoint(template, method), methods=[method])
            for template, method in ADDRESSES.items()
        ]

    def _endpoint(self, template: str, method: str) -> server.Endpoint:
        async def endpoint(request: Request) -> Response:
            if not request.headers.get("authorization"):
                raise Rejected("token.missing", "send `Authorization: Bearer TOKEN`")
            path = re.sub(r"{(\w+):word}", lambda m: quote(request.path_params[m[1]]), template)
            return await self._forward(method, path, request)

        return endpoint

    async def _forward(self, method: str, path: str, request: Request) -> Response:
        content = await server.read_body(request, self.max_body)
        # As bytes: a caller's header may hold any byte, and the desk judges it.
        headers = {
            name.encode(): request.headers[name].encode("latin-1")
            for name in _SENT
            if name in request.headers
        }
        try:
            answer = await self.desk.request(
                method, path, content=content, headers=headers, timeout=_TIMEOUT_S
            )
        except httpx2.TransportError as error:
            raise Retry(NEIGHBOUR_S, f"the desk is away ({type(error).__name__})") from error
        returned = {name: answer.headers[name] for name in _RETURNED if name in answer.headers}
        return Response(answer.content, answer.status_code, returned)
