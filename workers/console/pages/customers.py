"""The page Customer: a sender's handles, their conversations, and links that people confirm.

A verdict on two handles goes to links.v1. The page shows it as soon as the store has it.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from schemas.errors import Rejected, Retry
from schemas.http_api.bodies import CustomerOut, LinkIn
from workers.console import session
from workers.console.api import ConsoleApi, wait_until_recorded
from workers.console.pages.forms import read_form
from workers.console.pages.renderer import Renderer
from workers.console.texts import Texts
from workers.store import customers, queries

_KINDS = ("email", "phone", "customer_no", "handle", "conversation")
"""The kinds that people can link; a conversation by the id of one of its messages."""
_MAX_REASON_CHARS = 2000


class CustomerPages:
    """The endpoints of the page."""

    def __init__(self, api: ConsoleApi, renderer: Renderer) -> None:
        self._api, self._renderer = api, renderer

    async def customer(self, request: Request) -> Response:
        """GET the customer who wrote a message."""
        return await self._show(request)

    async def link(self, request: Request) -> Response:
        """POST whether two handles are one customer's."""
        texts = Texts(session.language(request))
        identifier = request.path_params["id"]
        customer = await self._read(identifier)
        if customer is None:
            return self._renderer.not_found(request)
        verdict = await self._verdict(request, customer, await read_form(request))
        if verdict is None:
            return await self._show(request, texts.link_what, 400)
        try:
            await customers.record_link(verdict, self._api.desk.publisher, self._api.desk.clock)
        except Rejected:
            return await self._show(request, texts.link_what, 400)
        except Retry:
            return await self._show(request, texts.try_again, 503)
        await self._wait_for_change(identifier, customer)
        return RedirectResponse(f"/messages/{identifier}/customer", 303)

    async def _verdict(
        self, request: Request, customer: CustomerOut, form: dict[str, str]
    ) -> LinkIn | None:
        """Return the verdict of a form, or None if it names no pair of handles."""
        status = form.get("status")
        nodes = {handle.node for handle in customer.handles}
        nodes |= {proposal.of for proposal in customer.proposals}
        try:
            node = customers.clear_node(customer, form.get("a", ""))
            other = customers.clear_node(customer, form.get("b", ""))
        except Rejected:
            return None
        other = other or await self._typed_node(form)
        if node not in nodes or not other or status not in ("linked", "unlinked"):
            return None
        return LinkIn(
            agent=session.agent(request, self._api.settings),
            brand=customer.brand,
            a=node,
            b=other,
            status="linked" if status == "linked" else "unlinked",
            message=form.get("message") or request.path_params["id"],
            reason=form.get("reason", "")[:_MAX_REASON_CHARS],
        )

    async def _typed_node(self, form: dict[str, str]) -> str:
        """Return the node that a person typed, or an empty string if it does not exist."""
        kind, value = form.get("kind"), form.get("value", "").strip()
        if kind not in _KINDS or not value:
            return ""
        if kind != "conversation":
            return f"{kind}:{value.casefold()}"
        recorded = await self._api.read_store(queries.message, value)
        return customers.CONVERSATION + recorded.message.conversation if recorded else ""

    async def _read(self, identifier: str) -> CustomerOut | None:
        return await self._api.read_store(customers.of_message, identifier)

    async def _show(self, request: Request, note: str = "", status: int = 200) -> Response:
        identifier = request.path_params["id"]
        customer = await self._read(identifier)
        if customer is None:
            return self._renderer.not_found(request)
        handles = [
            handle
            for handle in customer.handles
            if handle.how != "given" or not handle.node.startswith(customers.CONVERSATION)
        ]
        return self._renderer.render(
            request,
            "customer.html",
            status,
            id=identifier,
            customer=customer,
            handles=handles,
            note=note,
            kinds=_KINDS,
        )

    async def _wait_for_change(self, identifier: str, before: CustomerOut) -> None:
        """Wait a moment until the store has the verdict."""

        async def is_changed() -> bool:
            return await self._read(identifier) != before

        await wait_until_recorded(is_changed)
