"""The pages for an unknown address and for an outage, and their answers to programs."""

from starlette.requests import Request
from starlette.responses import Response

from runtime.http import server
from workers.console.api import answer_store_outage
from workers.console.pages.renderer import Renderer, outage_fragment


class ErrorPages:
    """The handlers of the errors that an endpoint raises."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    async def outage(self, request: Request, _error: Exception) -> Response:
        """Answer while Kafka, Redis or another neighbour is away: 503."""
        if request.headers.get("hx-request"):
            return outage_fragment(request)
        return self._renderer.render(request, "away.html", 503)

    async def not_found(self, request: Request, _error: Exception) -> Response:
        """Answer an unknown address with a page, or a program with JSON: 404."""
        if _wants_page(request):
            return self._renderer.not_found(request)
        return server.error_response(404, "http.404", f"{request.url.path} does not exist")

    async def store_outage(self, request: Request, error: Exception) -> Response:
        """Answer while the store is away with a page, or a program with JSON: 503."""
        if request.headers.get("hx-request"):
            return outage_fragment(request)
        answer = await answer_store_outage(request, error)
        if not _wants_page(request):
            return answer
        page = self._renderer.render(request, "store_away.html", answer.status_code)
        page.headers["Retry-After"] = answer.headers["Retry-After"]
        return page


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
