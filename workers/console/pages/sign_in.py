"""The page Sign in, the sign-out, and the choice of the language."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from runtime.http import server
from runtime.http.guard import stranger
from runtime.settings.structs import Settings
from workers.console import session
from workers.console.pages.forms import local_path, read_form
from workers.console.pages.renderer import Renderer

_YEAR_S = 365 * 24 * 3600
_MAX_NAME_CHARS = 80


class SignInPages:
    """The endpoints that need no signed-in person."""

    def __init__(self, settings: Settings, renderer: Renderer) -> None:
        self._settings, self._renderer = settings, renderer

    async def login(self, request: Request) -> Response:
        """GET the form; POST it to sign in and go to `next`."""
        is_wrong = False
        if request.method == "POST":
            form = await read_form(request)
            if server.matches_token(form.get("token", ""), self._settings.tokens.console):
                answer = RedirectResponse(local_path(request.query_params.get("next", "/")), 303)
                name = form.get("name", "").strip()[:_MAX_NAME_CHARS] or "admin"
                session.sign_in(answer, self._settings, name)
                return answer
            is_wrong = True
            if wait := stranger(request).failed():
                return server.too_many_attempts(wait)
        link_used = not is_wrong and request.query_params.get("link") == "used"
        status = 401 if is_wrong else 200
        return self._renderer.render(
            request, "login.html", status, wrong=is_wrong, link_used=link_used
        )

    async def logout(self, _request: Request) -> Response:
        """POST to end the session."""
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(session.COOKIE)
        return answer

    async def switch_language(self, request: Request) -> Response:
        """POST to change to the other language and return to the page."""
        form = await read_form(request)
        answer = RedirectResponse(local_path(form.get("path", "/")), 303)
        other = "en" if session.language(request) == "tr" else "tr"
        answer.set_cookie(session.LANGUAGE, other, max_age=_YEAR_S, samesite="strict")
        return answer
