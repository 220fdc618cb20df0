"""The session of a signed-in person: a cookie with their name, signed with the console's token.

A new token ends all sessions.
"""

import base64
import binascii
import hmac
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from runtime.settings.structs import Settings

COOKIE = "santral"
LANGUAGE = "language"
_WEEK_S = 7 * 24 * 3600


def _sign(settings: Settings, name: str) -> str:
    key = f"console.{settings.tokens.console}".encode()
    return hmac.new(key, name.encode(), sha256).hexdigest()


def person(request: Request, settings: Settings) -> str | None:
    """Return the name of the signed-in person, or None."""
    encoded, _, signature = request.cookies.get(COOKIE, "").partition(".")
    if not settings.tokens.console or not signature:
        return None
    try:
        name = base64.urlsafe_b64decode(encoded).decode()
    except (binascii.Error, ValueError):
        return None
    # Bytes, because a cookie may hold any byte and compare_digest refuses text beyond ASCII.
    expected, sent = _sign(settings, name).encode(), signature.encode("utf-8", "replace")
    return name if hmac.compare_digest(expected, sent) else None


def agent(request: Request, settings: Settings) -> str:
    """Return the name under which a person acts on the pages, `?` without one."""
    return person(request, settings) or "?"


def sign_in(response: Response, settings: Settings, name: str) -> None:
    """Sign a person in."""
    value = base64.urlsafe_b64encode(name.encode()).decode()
    response.set_cookie(
        COOKIE,
        f"{value}.{_sign(settings, name)}",
        max_age=_WEEK_S,
        httponly=True,
        samesite="strict",
        secure=settings.console.https,
    )


def language(request: Request) -> str:
    """Return the language of the pages, `tr` or `en`, by the cookie or else by the browser."""
    chosen = request.cookies.get(LANGUAGE, "")
    if chosen in ("tr", "en"):
        return chosen
    wanted = request.headers.get("accept-language", "").lower()
    return "tr" if wanted.startswith("tr") else "en"


def same_site(request: Request) -> bool:
    """Say whether our own page sent a form, in addition to the cookie's SameSite=Strict."""
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host", "")
