"""The desk's HTTP API, as routes of the console's server.

Agents' tools call it, and the door passes their requests on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.http import server
from runtime.settings.structs import Settings
from schemas import envelope
from schemas.base import Record
from schemas.http_api.bodies import IDEMPOTENCY_HEADER, ClaimIn, ReplyIn
from workers.desk.commands import BODIES, Desk
from workers.desk.reply_identity import check_key
from workers.desk_queue.values import ItemUnknown, LeaseLost

_ACTIONS: dict[str, Callable[..., Awaitable[Record]]] = {
    "heartbeat": Desk.heartbeat,
    "complete": Desk.complete,
    "release": Desk.release,
    "note": Desk.note,
    "reroute": Desk.reroute,
    "escalate": Desk.escalate,
}
"""The action of the desk for each verb but `reply`; BODIES has the body of each."""


@dataclass(frozen=True, kw_only=True)
class DeskApi:
    """The endpoints of the desk."""

    settings: Settings
    desk: Desk

    async def claim(self, request: Request) -> Response:
        """POST /v1/desk/{department}/claim."""
        server.require_token(request, self.settings.tokens.desk)
        raw = await server.read_body(request, self.settings.door.max_json)
        claim = envelope.decode_body(ClaimIn, raw)
        personal = server.may_see_personal(request, self.settings.tokens.personal)
        department = request.path_params["department"]
        return server.json_response(await self.desk.claim(department, claim, personal=personal))

    async def act(self, request: Request) -> Response:
        """POST /v1/desk/items/{id}/{verb}."""
        server.require_token(request, self.settings.tokens.desk)
        verb = request.path_params["verb"]
        raw = await server.read_body(request, self.settings.door.max_json)
        body = envelope.decode_body(BODIES[verb], raw)
        return server.json_response(
            await _ACTIONS[verb](self.desk, request.path_params["id"], body)
        )

    async def reply(self, request: Request) -> Response:
        """POST /v1/desk/items/{id}/reply, with the caller's key of this answer as a header."""
        server.require_token(request, self.settings.tokens.desk)
        key = request.headers.get(IDEMPOTENCY_HEADER)
        if key is not None:
            check_key(key)
        raw = await server.read_body(request, self.settings.door.max_json)
        body = envelope.decode_body(ReplyIn, raw)
        item = request.path_params["id"]
        return server.json_response(await self.desk.reply(item, body, key=key or ""))


def desk_routes(settings: Settings, desk: Desk) -> list[Route]:
    """Return the routes of the desk."""
    api = DeskApi(settings=settings, desk=desk)
    return [
        Route("/v1/desk/{department}/claim", api.claim, methods=["POST"]),
        Route("/v1/desk/items/{id}/reply", api.reply, methods=["POST"]),
        *(
            Route(f"/v1/desk/items/{{id}}/{verb}", with_verb(api.act, verb), methods=["POST"])
            for verb in _ACTIONS
        ),
    ]


def with_verb(action: server.Endpoint, verb: str) -> server.Endpoint:
    """Return an endpoint that passes its fixed verb on as a path parameter."""

    async def endpoint(request: Request) -> Response:
        request.path_params["verb"] = verb
        return await action(request)

    return endpoint


async def answer_lost_lease(_request: HTTPConnection, error: Exception) -> Response:
    """Answer a lost lease: 409."""
    return server.error_response(409, "lease.lost", str(error))


async def answer_unknown_item(_request: HTTPConnection, error: Exception) -> Response:
    """Answer an item that is not at the desk: 404."""
    return server.error_response(404, "item.unknown", str(error))


LEASE_HANDLERS: dict[type[Exception], server.ErrorHandler] = {
    LeaseLost: answer_lost_lease,
    ItemUnknown: answer_unknown_item,
}
"""The answers to the errors of a lease."""
