"""The page Customer: who wrote a message, by which handles, and in which other conversations.

Before: app.py lets only signed-in people here. After: templates/customer.html. What a person says
of two handles goes to links.v1; the page shows it as soon as the store has it.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import CustomerOut, LinkIn
from workers.console import session
from workers.console.api import Api, soon
from workers.console.pages import Page, form_of
from workers.console.texts import Texts
from workers.store import customers, queries

_KINDS = ("email", "phone", "customer_no", "handle", "conversation")
"""What can be linked by hand; a conversation by the number of one of its messages."""


class CustomerPages:
    """The endpoints; `page` makes a page of a template."""

    def __init__(self, api: Api, page: Page) -> None:
        self._api, self._page = api, page

    async def customer(self, request: Request) -> Response:
        """GET /messages/{id}/customer."""
        return await self._shown(request)

    async def say(self, request: Request) -> Response:
        """POST /messages/{id}/customer: two handles are, or are not, one customer's."""
        form, texts = await form_of(request), Texts(session.language(request))
        identifier = request.path_params["id"]
        known = await self._read(identifier)
        if known is None:
            return self._page(request, "not_found.html", 404)
        status = form.get("status")
        nodes = {h.node for h in known.handles} | {p.of for p in known.proposals}
        try:
            node = customers.clear_node(known, form.get("a", ""))
            other = customers.clear_node(known, form.get("b", "")) or await self._named(form)
        except Rejected:
            node = other = ""
        if node not in nodes or not other or status not in ("linked", "unlinked"):
            return await self._shown(request, texts.link_what, 400)
        asked = LinkIn(
            agent=session.person(request, self._api.settings) or "?",
            brand=known.brand,
            a=node,
            b=other,
            status="linked" if status == "linked" else "unlinked",
            message=form.get("message") or identifier,
            reason=form.get("reason", "")[:2000],
        )
        try:
            await customers.say(asked, self._api.desk.publisher, self._api.desk.clock)
        except Rejected:
            return await self._shown(request, texts.link_what, 400)
        except Retry:
            return await self._shown(request, texts.try_again, 503)
        await self._recorded(identifier, known)
        return RedirectResponse(f"/messages/{identifier}/customer", 303)

    async def _named(self, form: dict[str, str]) -> str:
        """Return the node that a person typed; empty when there is none."""
        kind, value = form.get("kind"), form.get("value", "").strip()
        if kind not in _KINDS or not value:
            return ""
        if kind != "conversation":
            return f"{kind}:{value.casefold()}"

        found = await self._api.ask(queries.message, value)
        return customers.CONVERSATION + found.message.conversation if found else ""

    async def _read(self, identifier: str) -> CustomerOut | None:
        return await self._api.ask(customers.of_message, identifier)

    async def _shown(self, request: Request, note: str = "", code: int = 200) -> Response:
        identifier = request.path_params["id"]
        known = await self._read(identifier)
        if known is None:
            return self._page(request, "not_found.html", 404)
        handles = [
            h
            for h in known.handles
            if h.how != "given" or not h.node.startswith(customers.CONVERSATION)
        ]
        return self._page(
            request,
            "customer.html",
            code,
            id=identifier,
            known=known,
            handles=handles,
            note=note,
            kinds=_KINDS,
        )

    async def _recorded(self, identifier: str, before: CustomerOut) -> None:
        """Wait a moment until the store has it."""

        async def recorded() -> bool:
            return await self._read(identifier) != before

        await soon(recorded)
