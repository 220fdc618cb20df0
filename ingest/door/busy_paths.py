"""Serves the door's busiest addresses ahead of Starlette's middleware and its table of routes.

These are `POST /v1/messages` and a vendor's `POST /v1/hooks/CHANNEL/ACCOUNT`. They have the same
endpoints, errors and answers as in the table of http.py, which costs a message more. Any other way
to write such an address goes to the table.
"""

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.http import server

_HOOK = re.compile(rb"/v1/hooks/([A-Za-z0-9_-]+)/([A-Za-z0-9_-]+)(?:/mime)?")
"""Letters without a second reading (runtime/http/plain_paths.py)."""


class BusyPaths:
    """An ASGI application: `messages` and `hook` for the busy addresses, `other` for the rest."""

    def __init__(self, messages: server.Endpoint, hook: server.Endpoint, other: ASGIApp) -> None:
        self._messages, self._hook, self._other = messages, hook, other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = _endpoint_of(scope, self._messages, self._hook)
        if endpoint is None:
            await self._other(scope, receive, send)
            return
        response = await server.answer(endpoint, Request(scope, receive, send))
        await response(scope, receive, send)


def _endpoint_of(
    scope: Scope, messages: server.Endpoint, hook: server.Endpoint
) -> server.Endpoint | None:
    """Return the endpoint of a busy address, whose parameters it writes into the scope."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    path: bytes = scope.get("raw_path") or b""
    if path == b"/v1/messages":
        return messages
    match = _HOOK.fullmatch(path)
    if match is None:
        return None
    scope["path_params"] = {"channel": match[1].decode(), "account": match[2].decode()}
    return hook
