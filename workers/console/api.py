"""The desk's HTTP API and the read API, as routes of the console's server.

Before: agents' tools, the door that passes requests on. After: desk/desk.py, store/queries.py.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar
from urllib.parse import quote

import httpx2
from sqlalchemy import Connection, Engine
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.health.faults import is_outage
from runtime.health.neighbour import Neighbour
from runtime.http import server
from runtime.log import get
from runtime.redis.errors import AWAY, outage_code
from runtime.settings.structs import Settings
from schemas import envelope
from schemas.decision import TRIAGE, Decision
from schemas.delays import NEIGHBOUR_S, RECONNECT_S
from schemas.errors import Rejected, Retry, Unavailable
from schemas.http_api.bodies import (
    Accepted,
    ClaimIn,
    Fault,
    IncidentsOut,
    JudgeIn,
    LinkIn,
    MessageOut,
    ReceiptOut,
)
from schemas.incident import Incident
from schemas.text.masking import mask_record
from workers.desk.commands import BODIES, Desk
from workers.desk_queue.values import ItemUnknown, LeaseLost
from workers.store import customers, incidents
from workers.store import queries as reading
from workers.store.pii import masked_message

log = get(__name__)

# A message just accepted is recorded within this time: whoever asks at once waits for it.
_PATIENCE_S = 2.0
_LOOK_S = 0.05
_ANSWER_S = 10.0
"""The longest wait for the store's answer: after it, the caller is asked to try again."""
_STORE_RETRY_S = 5

_READERS = ThreadPoolExecutor(8, thread_name_prefix="store")
"""Readers of the store: a frozen store stops these threads, and no other work of the process."""


class StoreAway(Unavailable):
    """The store gives no answer now; all that needs only Kafka and Redis still works."""


P = ParamSpec("P")
T = TypeVar("T")

Trial = Callable[[str], Decision]
"""What the live rules and models make of a text; who starts the console brings it, for a stage
imports no other."""


@dataclass(frozen=True, kw_only=True)
class Api:
    """What the endpoints share."""

    settings: Settings
    desk: Desk
    store: Engine
    trial: Trial | None = None
    neighbour: Neighbour | None = None

    async def claim(self, request: Request) -> Response:
        """POST /v1/desk/{department}/claim."""
        server.require(request, self.settings.tokens.desk)
        asked = envelope.decode_body(
            ClaimIn, await server.body(request, self.settings.door.max_json)
        )
        personal = server.may_see_personal(request, self.settings.tokens.personal)
        department = request.path_params["department"]
        return server.answer(await self.desk.claim(department, asked, personal=personal))

    async def item(self, request: Request) -> Response:
        """POST /v1/desk/items/{id}/{verb}."""
        server.require(request, self.settings.tokens.desk)
        verb = request.path_params["verb"]
        raw = await server.body(request, self.settings.door.max_json)
        asked: Any = envelope.decode_body(BODIES[verb], raw)
        return server.answer(await getattr(self.desk, verb)(request.path_params["id"], asked))

    async def message(self, request: Request) -> Response:
        """GET /v1/messages/{id}."""
        tokens = self.settings.tokens
        holder = server.holder(request, door=tokens.door, desk=tokens.desk, console=tokens.console)
        personal = server.may_see_personal(request, tokens.personal)
        identifier = request.path_params["id"]
        if holder == "door":
            # Another token's message takes as long as an unknown one: the time reveals nothing.
            token = server.token_name(tokens.door)
            return server.answer(receipt(await self.find(identifier, accepted_by=token)))
        answer = await self.find(identifier)
        log.info("message.opened", message=answer.message.id, person=f"token:{holder}")
        if not personal:
            return server.answer(await asyncio.to_thread(masked_message, answer))
        department = answer.decision.department if answer.decision else TRIAGE
        await self.desk.record_reveal_of(answer.message, department, f"token:{holder}")
        return server.answer(answer)

    async def incidents(self, request: Request) -> Response:
        """GET /v1/incidents."""
        server.require(request, self.settings.tokens.desk, self.settings.tokens.console)
        incidents = await self.known_incidents()
        return server.answer(mask_record(IncidentsOut(incidents=tuple(incidents))))

    async def incident(self, request: Request) -> Response:
        """GET /v1/incidents/{id}."""
        server.require(request, self.settings.tokens.desk, self.settings.tokens.console)
        identifier = request.path_params["id"]
        found = await self.ask(incidents.shown, identifier)
        if found is None:
            raise _unknown(identifier)
        return server.answer(mask_record(found))

    async def judged(self, request: Request) -> Response:
        """POST /v1/incidents/{id}/{verb}."""
        server.require(request, self.settings.tokens.desk, self.settings.tokens.console)
        raw = await server.body(request, self.settings.door.max_json)
        asked = envelope.decode_body(JudgeIn, raw)
        identifier = request.path_params["id"]
        judged = await self.judge(identifier, request.path_params["verb"], asked)
        return server.answer(mask_record(judged))

    async def customer(self, request: Request) -> Response:
        """GET /v1/messages/{id}/customer."""
        server.require(request, self.settings.tokens.desk, self.settings.tokens.console)
        identifier = request.path_params["id"]
        found = await self.ask(customers.of_message, identifier)
        if found is None:
            raise Rejected("message.unknown", f"no sender of a message {identifier!r} is recorded")
        return server.answer(mask_record(found))

    async def link(self, request: Request) -> Response:
        """POST /v1/links."""
        server.require(request, self.settings.tokens.desk, self.settings.tokens.console)
        raw = await server.body(request, self.settings.door.max_json)
        asked = envelope.decode_body(LinkIn, raw)
        asked = await self.ask(customers.with_clear_nodes, asked)
        link = await customers.say(asked, self.desk.publisher, self.desk.clock)
        return server.answer(mask_record(link))

    async def known_incidents(self) -> list[Incident]:
        """Return the incidents of the last thirty days."""
        return await self.ask(incidents.incidents)

    async def ask(
        self, question: Callable[Concatenate[Connection, P], T], *args: P.args, **more: P.kwargs
    ) -> T:
        """Return the store's answer to a question, asked in a thread; raise StoreAway at once
        while the store is known to be away."""
        if self.neighbour is not None and self.neighbour.problem():
            raise StoreAway

        def read() -> T:
            with self.store.connect() as connection:
                return question(connection, *args, **more)

        try:
            reading = asyncio.get_running_loop().run_in_executor(_READERS, read)
            return await asyncio.wait_for(reading, _ANSWER_S)
        except Exception as error:
            if not is_outage(error):
                raise
            if self.neighbour is not None:
                self.neighbour.failed(error)
            raise StoreAway from error

    async def judge(self, identifier: str, verb: str, asked: JudgeIn) -> Incident:
        """Write down what a person says of an incident; raise Rejected or Retry."""
        others = await self.known_incidents()
        known = next((i for i in others if i.id == identifier), None)
        if known is None:
            raise _unknown(identifier)
        return await incidents.judge(
            known, verb, asked, others, self.desk.publisher, self.desk.clock
        )

    async def hand_in(self, body: dict[str, Any]) -> Accepted:
        """Hand a message to the door, as any caller does; raise Rejected or Retry."""
        accounts = self.settings.channels.get("api") or {"default": {}}
        account = "default" if "default" in accounts else next(iter(accounts))
        url = f"{self.settings.console.door_url}/v1/messages?account={quote(account)}"
        headers = {"authorization": f"Bearer {self.settings.tokens.door}"}
        try:
            async with httpx2.AsyncClient(timeout=20) as client:
                answer = await client.post(url, json=body, headers=headers)
        except httpx2.HTTPError as error:
            raise Retry(
                RECONNECT_S, f"the door can't be reached: {type(error).__name__}"
            ) from error
        if answer.status_code == 202:
            return envelope.decode_body(Accepted, answer.content)
        if answer.status_code >= 500:
            raise Retry(RECONNECT_S, f"the door answered {answer.status_code}")
        raise Rejected("json.invalid", envelope.decode_body(Fault, answer.content).text)

    async def find(self, identifier: str, *, accepted_by: str | None = None) -> MessageOut:
        """Return a message, after a short wait for one that was accepted just now.

        With `accepted_by` it returns only that token's messages. Raises Rejected for any other.
        """

        async def look() -> MessageOut | None:
            found = await self.ask(reading.message, identifier)
            if accepted_by and found and found.message.accepted_by != accepted_by:
                return None
            return found

        found = await soon(look)
        if found is None:
            raise _unknown_message(identifier)
        return found


def receipt(answer: MessageOut) -> ReceiptOut:
    """Return a message's progress, without any of its text."""
    kinds = {outcome.kind for outcome in answer.outcomes}
    state: Literal["accepted", "routed", "answered", "resolved"]
    state = "routed" if answer.decision else "accepted"
    if "resolved" in kinds:
        state = "resolved"
    elif "replied" in kinds:
        state = "answered"
    message = answer.message
    return ReceiptOut(
        id=message.id, conversation=message.conversation, brand=message.brand, state=state
    )


async def soon(look: Callable[[], Awaitable[T | None]]) -> T | None:
    """Return what `look` gives, waiting a moment for what the recorder has not written yet."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE_S
    while True:
        found = await look()
        if found or asyncio.get_running_loop().time() > deadline:
            return found
        await asyncio.sleep(_LOOK_S)


def _unknown_message(identifier: str) -> Rejected:
    return Rejected("message.unknown", f"the store has no message {identifier!r}")


def _unknown(identifier: str) -> Rejected:
    return Rejected("incident.unknown", f"no incident {identifier!r} is recorded")


def routes(api: Api) -> list[Route]:
    """Return the API's routes."""
    return [
        Route("/v1/messages/{id}", api.message, methods=["GET"]),
        Route("/v1/desk/{department}/claim", api.claim, methods=["POST"]),
        *(
            Route(f"/v1/desk/items/{{id}}/{verb}", _verb(api.item, verb), methods=["POST"])
            for verb in BODIES
        ),
        Route("/v1/messages/{id}/customer", api.customer, methods=["GET"]),
        Route("/v1/links", api.link, methods=["POST"]),
        Route("/v1/incidents", api.incidents, methods=["GET"]),
        Route("/v1/incidents/{id}", api.incident, methods=["GET"]),
        *(
            Route(f"/v1/incidents/{{id}}/{verb}", _verb(api.judged, verb), methods=["POST"])
            for verb in incidents.VERBS
        ),
    ]


def _verb(done: server.Endpoint, verb: str) -> server.Endpoint:
    async def endpoint(request: Request) -> Response:
        request.path_params["verb"] = verb
        return await done(request)

    return endpoint


async def on_lost(_request: HTTPConnection, error: Exception) -> Response:
    """Answer a lost lease: 409."""
    return server.fault(409, "lease.lost", str(error))


async def on_unknown(_request: HTTPConnection, error: Exception) -> Response:
    """Answer an item that is not at the desk: 404."""
    return server.fault(404, "item.unknown", str(error))


async def on_away(_request: HTTPConnection, error: Exception) -> Response:
    """Answer while Redis is away: 503."""
    word = outage_code(error) or type(error).__name__
    return await server.on_retry(_request, Retry(NEIGHBOUR_S, f"Redis is away ({word})"))


async def on_store_away(_request: HTTPConnection, _error: Exception) -> Response:
    """Answer while the store is away: 503."""
    text = "the store does not answer: records can't be read now, claims and answers still work"
    return server.fault(503, "try_again", text, _STORE_RETRY_S)


HANDLERS: dict[Any, Any] = {
    **server.HANDLERS,
    StoreAway: on_store_away,
    LeaseLost: on_lost,
    ItemUnknown: on_unknown,
    **dict.fromkeys(AWAY, on_away),
}
