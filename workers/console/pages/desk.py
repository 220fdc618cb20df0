"""The page Desk: the departments, the line of each, and the items that a person holds in it."""

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from runtime.redis.errors import AWAY
from schemas.errors import Retry
from schemas.http_api.bodies import ClaimIn
from workers.console import session
from workers.console.api import ConsoleApi
from workers.console.pages.forms import count_items
from workers.console.pages.renderer import Renderer
from workers.console.texts import Texts
from workers.desk.records import time_from_ms

NOTES = ("done", "queue_empty")
"""The sentences that an address of this page may name."""
_TITLE_CHARS = 80


def line_address(department: str, note: str = "") -> str:
    """Return the address of a department's line; `note` is one of NOTES."""
    return f"/desk/{quote(department)}" + (f"?note={note}" if note else "")


def item_address(department: str, item: str, note: str = "") -> str:
    """Return the address of an item that a person holds."""
    return f"/desk/{quote(department)}/{quote(item)}" + (f"?note={note}" if note else "")


class DeskPages:
    """The endpoints of the page."""

    def __init__(self, api: ConsoleApi, renderer: Renderer) -> None:
        self._api, self._renderer = api, renderer

    async def desks(self, request: Request) -> Response:
        """GET the departments."""
        counts = await count_items(self._api)
        status = 503 if counts is None else 200
        return self._renderer.render(request, "desks.html", status, counts=counts)

    async def desk(self, request: Request) -> Response:
        """GET a department's line; POST to claim its next item and go to its address."""
        department = request.path_params["department"]
        if department not in self._api.settings.departments:
            return self._renderer.not_found(request)
        if request.method != "POST":
            note = request.query_params.get("note", "")
            return await self.show_line(request, department, note if note in NOTES else "")
        person = session.agent(request, self._api.settings)
        try:
            claimed = await self._api.desk.claim(department, ClaimIn(agent=person))
        except (Retry, *AWAY):
            return await self.show_line(request, department, "desk_away", status=503)
        if not claimed.items:
            return RedirectResponse(line_address(department, "queue_empty"), 303)
        return RedirectResponse(item_address(department, claimed.items[0].id), 303)

    async def show_line(
        self,
        request: Request,
        department: str,
        note: str = "",
        *,
        text: str = "",
        item: str = "",
        status: int = 200,
    ) -> Response:
        """Return the page of a line with a sentence, by its key.

        `text` is what a person wrote for an `item` that is no longer theirs.
        """
        person = session.agent(request, self._api.settings)
        waiting, mine = None, []
        try:
            waiting = (await self._api.desk.desk_queue.count_items(department))[0]
            mine = await self._api.desk.list_leased(department, person)
        except (Retry, *AWAY):
            status, note = 503, note or "desk_away"
        return self._renderer.render(
            request,
            "desk.html",
            status,
            department=department,
            note=Texts(session.language(request))[note] if note else "",
            waiting=waiting,
            items=[
                {
                    "address": item_address(department, each.item),
                    "number": each.item[:8].upper(),
                    "title": works[0].message.subject or works[0].message.text[:_TITLE_CHARS],
                    "sender": works[0].message.sender.name,
                    "until": time_from_ms(each.until_ms),
                }
                for each, works in mine
            ],
            item=item,
            clear={"text": text},
        )
