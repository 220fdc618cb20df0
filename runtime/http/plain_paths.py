"""Answers 404 to a path that the next program could read differently.

Servers, proxies and frameworks disagree about dot segments, escaped slashes, backslashes and double
escapes. Our own addresses never use them.
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.http import server

_AMBIGUOUS = re.compile(
    rb"(?:^|/)\.{1,2}(?:[/;]|$)"  # dot segments
    rb"|\\|//|[\x00-\x20\x7f]"
    rb"|%(?:2[ef5]|5c|[01][0-9a-f]|7f)",  # an escaped dot, slash, percent sign, backslash, control
    re.IGNORECASE,
)


class PlainPaths:
    """Answers 404 to every path that has a second reading."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not is_plain(scope.get("raw_path") or b""):
            await server.error_response(404, "http.404", "Not Found")(scope, receive, send)
            return
        await self._app(scope, receive, send)


def is_plain(raw_path: bytes) -> bool:
    """Say whether a raw path has exactly one reading, and is UTF-8 once unescaped."""
    if _AMBIGUOUS.search(raw_path):
        return False
    unescaped = re.sub(rb"%([0-9a-fA-F]{2})", lambda m: bytes.fromhex(m[1].decode()), raw_path)
    try:
        unescaped.decode()
    except UnicodeDecodeError:
        return False
    return b"%" not in unescaped
