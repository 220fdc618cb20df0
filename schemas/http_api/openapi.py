"""The table of all HTTP operations, and the OpenAPI document made from it. Pure.

The bodies are in bodies.py, and the door and the console serve the document.
"""

from dataclasses import dataclass
from types import UnionType
from typing import get_args

import msgspec

from schemas.base import Json, JsonObject, Record
from schemas.http_api.bodies import (
    IDEMPOTENCY_HEADER,
    PERSONAL_HEADER,
    Accepted,
    Claimed,
    ClaimIn,
    CustomerOut,
    Done,
    Fault,
    IncidentOut,
    IncidentsOut,
    JudgeIn,
    LeaseIn,
    LinkIn,
    MessageIn,
    MessageOut,
    MoveIn,
    ReceiptOut,
    ReplyIn,
)
from schemas.incident import Incident
from schemas.state.link import Link


@dataclass(frozen=True)
class Operation:
    """One line of the contract."""

    method: str
    path: str
    token: str
    summary: str
    body: type[Record] | None
    answer: type[Record] | UnionType | None
    status: int = 200
    errors: tuple[int, ...] = (400, 401)
    media: str = "application/json"
    personal: bool = False
    idempotent: bool = False

    @property
    def answers(self) -> tuple[type[Record], ...]:
        """The Structs of its answers."""
        if isinstance(self.answer, UnionType):
            return get_args(self.answer)
        return () if self.answer is None else (self.answer,)


_ITEM = "/v1/desk/items/{id}"
_DESK_ERRORS = (400, 401, 404, 409, 503)
OPERATIONS = (
    Operation(
        "post",
        "/v1/messages",
        "door",
        "Hand over a message; 202 once Kafka has it",
        MessageIn,
        Accepted,
        202,
        (400, 401, 413, 503),
    ),
    Operation(
        "post",
        "/v1/hooks/{channel}/{account}",
        "door",
        "A vendor's webhook; for channel mail a raw RFC 5322 body",
        None,
        Accepted,
        200,
        (400, 401, 404, 413, 503),
        "message/rfc822",
    ),
    Operation(
        "get",
        "/v1/messages/{id}",
        "desk or console; door: the receipt of what it wrote",
        "A message, its decision and its outcomes, personal numbers masked",
        None,
        MessageOut | ReceiptOut,
        200,
        (401, 404, 503),
        personal=True,
    ),
    Operation(
        "post",
        "/v1/desk/{department}/claim",
        "desk",
        "Claim the most urgent items, personal numbers masked",
        ClaimIn,
        Claimed,
        200,
        _DESK_ERRORS,
        personal=True,
    ),
    Operation(
        "post", f"{_ITEM}/heartbeat", "desk", "Keep the lease", LeaseIn, Done, 200, _DESK_ERRORS
    ),
    Operation(
        "post",
        f"{_ITEM}/reply",
        "desk",
        "Answer the customer; the item stays yours",
        ReplyIn,
        Done,
        200,
        (*_DESK_ERRORS, 422),
        idempotent=True,
    ),
    Operation(
        "post",
        f"{_ITEM}/note",
        "desk",
        "Write a note for colleagues",
        LeaseIn,
        Done,
        200,
        _DESK_ERRORS,
    ),
    Operation("post", f"{_ITEM}/complete", "desk", "Resolve it", LeaseIn, Done, 200, _DESK_ERRORS),
    Operation("post", f"{_ITEM}/release", "desk", "Give it back", LeaseIn, Done, 200, _DESK_ERRORS),
    Operation(
        "post",
        f"{_ITEM}/reroute",
        "desk",
        "Move it to another department",
        MoveIn,
        Done,
        200,
        _DESK_ERRORS,
    ),
    Operation(
        "post",
        f"{_ITEM}/escalate",
        "desk",
        "Escalate it, in this department or another",
        MoveIn,
        Done,
        200,
        _DESK_ERRORS,
    ),
    Operation(
        "get",
        "/v1/incidents",
        "desk or console",
        "Incidents of the last thirty days",
        None,
        IncidentsOut,
    ),
    Operation(
        "get",
        "/v1/messages/{id}/customer",
        "desk or console",
        "Who wrote a message: handles, conversations, proposals",
        None,
        CustomerOut,
        200,
        (401, 404),
    ),
    Operation(
        "post",
        "/v1/links",
        "desk or console",
        "Say that two handles are, or are not, one customer's",
        LinkIn,
        Link,
        200,
        (400, 401, 503),
    ),
    Operation(
        "get",
        "/v1/incidents/{id}",
        "desk or console",
        "An incident and its messages",
        None,
        IncidentOut,
        200,
        (401, 404),
    ),
    *(
        Operation(
            "post",
            f"/v1/incidents/{{id}}/{verb}",
            "desk or console",
            summary,
            JudgeIn,
            Incident,
            200,
            _DESK_ERRORS,
        )
        for verb, summary in (
            ("confirm", "Confirm it: its messages become more urgent"),
            ("dismiss", "Dismiss it: it does not open again while it lasts"),
            ("close", "End it"),
            ("merge", "Merge it into another"),
            ("answer", "Send all of its customers a holding text"),
        )
    ),
)

_SENTENCES = {
    400: "malformed or invalid: code, text and the path of the fault",
    401: "no or wrong token",
    404: "unknown",
    409: "the lease is lost, the answer is not possible, or the incident has ended",
    413: "too large: the limit is in the text",
    422: "the Idempotency-Key belongs to another text",
    503: "Kafka or Redis is away: try again after Retry-After seconds",
}


def openapi() -> JsonObject:
    """Return the OpenAPI 3.1 document of door and desk."""
    used = {o.body for o in OPERATIONS if o.body is not None} | {Fault}
    kinds = sorted(used.union(*(o.answers for o in OPERATIONS)), key=lambda u: u.__name__)
    _, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Json]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Santral door and desk",
            "version": "1.0.0",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "security": [{"bearer": []}],
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> JsonObject:
    names = [p.strip("{}") for p in operation.path.split("/") if p.startswith("{")]
    parameters: list[Json] = [
        {"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names
    ]
    if operation.personal:
        parameters.append(_PERSONAL_PARAMETER)
    if operation.idempotent:
        parameters.append(_IDEMPOTENCY_PARAMETER)
    description: dict[str, Json] = {
        "operationId": "_".join(
            [operation.method, *(p for p in operation.path.split("/") if p.isalpha())]
        ),
        "summary": operation.summary,
        "description": f"Token: {operation.token}.",
        "parameters": parameters,
        "responses": {str(operation.status): _response("done", *operation.answers)}
        | {str(s): _response(_SENTENCES[s], Fault) for s in operation.errors},
    }
    if operation.body is not None:
        description["requestBody"] = {"required": True, "content": _content(operation.body)}
    elif operation.method == "post":
        description["requestBody"] = {"required": True, "content": {operation.media: {}}}
    return description


_PERSONAL_PARAMETER: JsonObject = {
    "name": PERSONAL_HEADER,
    "in": "header",
    "required": False,
    "description": "The token for personal numbers; each use is an outcome `revealed`.",
    "schema": {"type": "string"},
}


_IDEMPOTENCY_PARAMETER: JsonObject = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "required": False,
    "description": "Your name of this answer: a retry with the same key is the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"},
}


def _response(text: str, *kinds: type[Record]) -> JsonObject:
    return {"description": text} | ({"content": _content(*kinds)} if kinds else {})


def _content(*kinds: type[Record]) -> JsonObject:
    schemas: list[Json] = [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds]
    return {"application/json": {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}}
