"""The read API and the incidents' API, as routes of the console's server.

The door passes programs' requests on. The pages share its questions to the store. desk_api.py has
the routes of the desk.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Concatenate, Literal, ParamSpec, TypeVar
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
from schemas.base import JsonObject
from schemas.decision import TRIAGE, Decision
from schemas.delays import NEIGHBOUR_S, RECONNECT_S
from schemas.errors import Rejected, Retry, Unavailable
from schemas.http_api.bodies import (
    Accepted,
    Fault,
    IncidentsOut,
    JudgeIn,
    LinkIn,
    MessageOut,
    ReceiptOut,
)
from schemas.incident import Incident
from schemas.outcome import is_persons_answer
from schemas.text.masking import mask_record
from workers.console.desk_api import LEASE_HANDLERS, desk_routes, with_verb
from workers.desk.commands import Desk
from workers.store import customers, incidents, queries
from workers.store.pii import masked_message

log = get(__name__)

_RECORD_WAIT_S = 2.0
"""The recorder stores an accepted message within this time, so that a caller may wait for it."""
_POLL_INTERVAL_S = 0.05
_MAX_STORE_ANSWER_S = 10.0
"""A caller that waits longer for the store gets an answer to try again."""
_STORE_RETRY_S = 5

_READERS = ThreadPoolExecutor(8, thread_name_prefix="store")
"""The threads that read the store. A frozen store stops these alone."""


class StoreAway(Unavailable):
    """The store does not answer; everything that needs only Kafka and Redis still works."""


P = ParamSpec("P")
T = TypeVar("T")

Trial = Callable[[str], Decision]
"""Decides a text with the live rules and models. The command that starts the console passes it in,
because a stage imports no other stage."""


@dataclass(frozen=True, kw_only=True)
class ConsoleApi:
    """The endpoints of the API, and the questions that the pages share with them."""

    settings: Settings
    desk: Desk
    store: Engine
    trial: Trial | None = None
    neighbour: Neighbour | None = None

    async def message(self, request: Request) -> Response:
        """GET /v1/messages/{id}."""
        tokens = self.settings.tokens
        holder = server.token_holder(
            request, door=tokens.door, desk=tokens.desk, console=tokens.console
        )
        personal = server.may_see_personal(request, tokens.personal)
        identifier = request.path_params["id"]
        if holder == "door":
            # Another token's message takes as long as an unknown one, so the time reveals nothing.
            token = server.token_name(tokens.door)
            accepted = await self.find_message(identifier, accepted_by=token)
            return server.json_response(receipt(accepted))
        answer = await self.find_message(identifier)
        log.info("message.opened", message=answer.message.id, person=f"token:{holder}")
        if not personal:
            return server.json_response(await asyncio.to_thread(masked_message, answer))
        department = answer.decision.department if answer.decision else TRIAGE
        await self.desk.record_reveal_of(answer.message, department, f"token:{holder}")
        return server.json_response(answer)

    async def incidents(self, request: Request) -> Response:
        """GET /v1/incidents."""
        server.require_token(request, self.settings.tokens.desk, self.settings.tokens.console)
        recent = await self.recent_incidents()
        return server.json_response(mask_record(IncidentsOut(incidents=tuple(recent))))

    async def incident(self, request: Request) -> Response:
        """GET /v1/incidents/{id}."""
        server.require_token(request, self.settings.tokens.desk, self.settings.tokens.console)
        identifier = request.path_params["id"]
        incident = await self.read_store(incidents.get_with_messages, identifier)
        if incident is None:
            raise _unknown_incident(identifier)
        return server.json_response(mask_record(incident))

    async def judge_incident(self, request: Request) -> Response:
        """POST /v1/incidents/{id}/{verb}."""
        server.require_token(request, self.settings.tokens.desk, self.settings.tokens.console)
        raw = await server.read_body(request, self.settings.door.max_json)
        verdict = envelope.decode_body(JudgeIn, raw)
        identifier = request.path_params["id"]
        incident = await self.record_verdict(identifier, request.path_params["verb"], verdict)
        return server.json_response(mask_record(incident))

    async def customer(self, request: Request) -> Response:
        """GET /v1/messages/{id}/customer."""
        server.require_token(request, self.settings.tokens.desk, self.settings.tokens.console)
        identifier = request.path_params["id"]
        customer = await self.read_store(customers.of_message, identifier)
        if customer is None:
            raise Rejected("message.unknown", f"no sender of a message {identifier!r} is recorded")
        return server.json_response(mask_record(customer))

    async def link(self, request: Request) -> Response:
        """POST /v1/links."""
        server.require_token(request, self.settings.tokens.desk, self.settings.tokens.console)
        raw = await server.read_body(request, self.settings.door.max_json)
        verdict = envelope.decode_body(LinkIn, raw)
        verdict = await self.read_store(customers.with_clear_nodes, verdict)
        link = await customers.record_link(verdict, self.desk.publisher, self.desk.clock)
        return server.json_response(mask_record(link))

    async def recent_incidents(self) -> list[Incident]:
        """Return the incidents of the last thirty days."""
        return await self.read_store(incidents.incidents)

    async def read_store(
        self, question: Callable[Concatenate[Connection, P], T], *args: P.args, **more: P.kwargs
    ) -> T:
        """Return the store's answer to a question, read in a thread.

        Raises StoreAway if the store does not answer, and at once while an outage lasts.
        """
        if self.neighbour is not None and self.neighbour.problem():
            raise StoreAway

        def read() -> T:
            with self.store.connect() as connection:
                return question(connection, *args, **more)

        try:
            reading = asyncio.get_running_loop().run_in_executor(_READERS, read)
            return await asyncio.wait_for(reading, _MAX_STORE_ANSWER_S)
        except Exception as error:
            if not is_outage(error):
                raise
            if self.neighbour is not None:
                self.neighbour.failed(error)
            raise StoreAway from error

    async def record_verdict(self, identifier: str, verb: str, verdict: JudgeIn) -> Incident:
        """Record a person's verdict on an incident; raise Rejected or Retry."""
        recent = await self.recent_incidents()
        incident = next((i for i in recent if i.id == identifier), None)
        if incident is None:
            raise _unknown_incident(identifier)
        return await incidents.record_verdict(
            incident, verb, verdict, recent, self.desk.publisher, self.desk.clock
        )

    async def submit_message(self, body: JsonObject) -> Accepted:
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

    async def find_message(self, identifier: str, *, accepted_by: str | None = None) -> MessageOut:
        """Return a message, after a short wait for one that was accepted just now.

        With `accepted_by` it returns only that token's messages. Raises Rejected for any other.
        """

        async def read_message() -> MessageOut | None:
            recorded = await self.read_store(queries.message, identifier)
            if accepted_by and recorded and recorded.message.accepted_by != accepted_by:
                return None
            return recorded

        recorded = await wait_until_recorded(read_message)
        if recorded is None:
            raise Rejected("message.unknown", f"the store has no message {identifier!r}")
        return recorded


def receipt(answer: MessageOut) -> ReceiptOut:
    """Return a message's progress, without any of its text."""
    state: Literal["accepted", "routed", "answered", "resolved"]
    state = "routed" if answer.decision else "accepted"
    if any(outcome.kind == "resolved" for outcome in answer.outcomes):
        state = "resolved"
    elif any(map(is_persons_answer, answer.outcomes)):
        state = "answered"
    message = answer.message
    return ReceiptOut(
        id=message.id, conversation=message.conversation, brand=message.brand, state=state
    )


async def wait_until_recorded(read: Callable[[], Awaitable[T | None]]) -> T | None:
    """Return the first true result of `read`, or its last one after a moment.

    The recorder writes a record into the store a moment after Kafka has it.
    """
    deadline = asyncio.get_running_loop().time() + _RECORD_WAIT_S
    while True:
        result = await read()
        if result or asyncio.get_running_loop().time() > deadline:
            return result
        await asyncio.sleep(_POLL_INTERVAL_S)


def _unknown_incident(identifier: str) -> Rejected:
    return Rejected("incident.unknown", f"no incident {identifier!r} is recorded")


def routes(api: ConsoleApi) -> list[Route]:
    """Return the API's routes."""
    return [
        Route("/v1/messages/{id}", api.message, methods=["GET"]),
        *desk_routes(api.settings, api.desk),
        Route("/v1/messages/{id}/customer", api.customer, methods=["GET"]),
        Route("/v1/links", api.link, methods=["POST"]),
        Route("/v1/incidents", api.incidents, methods=["GET"]),
        Route("/v1/incidents/{id}", api.incident, methods=["GET"]),
        *(
            Route(
                f"/v1/incidents/{{id}}/{verb}",
                with_verb(api.judge_incident, verb),
                methods=["POST"],
            )
            for verb in incidents.VERBS
        ),
    ]


async def answer_redis_outage(_request: HTTPConnection, error: Exception) -> Response:
    """Answer while Redis is away: 503."""
    reason = outage_code(error) or type(error).__name__
    return await server.on_retry(_request, Retry(NEIGHBOUR_S, f"Redis is away ({reason})"))


async def answer_store_outage(_request: HTTPConnection, _error: Exception) -> Response:
    """Answer while the store is away: 503."""
    text = "the store does not answer: records can't be read now, claims and answers still work"
    return server.error_response(503, "try_again", text, _STORE_RETRY_S)


HANDLERS: dict[type[Exception], server.ErrorHandler] = {
    **server.HANDLERS,
    StoreAway: answer_store_outage,
    **LEASE_HANDLERS,
    **dict.fromkeys(AWAY, answer_redis_outage),
}
