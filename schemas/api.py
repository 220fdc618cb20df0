"""The HTTP contract of door and desk: bodies in and out, and the one table of operations.

Before: nothing. After: door and desk decode by it; openapi() documents it. Pure.
"""

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, get_args

import msgspec

from schemas.base import Id, Name, Record, Time
from schemas.decision import Decision, Due
from schemas.incident import Incident
from schemas.link import Link, Node
from schemas.message import TEXT_LIMIT, Message
from schemas.outcome import Outcome

PERSONAL_HEADER = "Personal-Token"
"""The header of who may see personal numbers: with the token `personal` as its value, answers show
them in the clear, and every message that was shown so gets an Outcome `revealed`."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LIMIT)]
Short = Annotated[str, msgspec.Meta(max_length=512)]


class SenderIn(Record, frozen=True, kw_only=True):
    """Who writes: at least one handle, so that an answer can find its way."""

    name: Short = ""
    email: Annotated[str, msgspec.Meta(pattern="^[^@\\s]+@[^@\\s]+$", max_length=320)] | None = None
    phone: Annotated[str, msgspec.Meta(pattern="^\\+?[0-9() .-]{5,25}$")] | None = None
    handle: Short | None = None
    customer_no: Short | None = None


class AttachmentIn(Record, frozen=True, kw_only=True):
    """A file; `content` is base64."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    type: Annotated[str, msgspec.Meta(pattern="^[\\w.+-]+/[\\w.+-]+$")] = "application/octet-stream"
    content: str


class MessageIn(Record, frozen=True, kw_only=True):
    """A message by API; `native_id` is the caller's own: the same one again is the same message."""

    native_id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    text: Text
    sender: SenderIn
    brand: Annotated[str, msgspec.Meta(pattern="^[a-z0-9_-]{1,64}$")] | None = None
    subject: Annotated[str, msgspec.Meta(max_length=2000)] = ""
    kind: Literal["form", "note", "call", "chat", "post", "review"] = "form"
    conversation: Annotated[str, msgspec.Meta(min_length=1, max_length=512)] | None = None
    sent_at: Time | None = None
    attachments: Annotated[tuple[AttachmentIn, ...], msgspec.Meta(max_length=20)] = ()


class Accepted(Record, frozen=True, kw_only=True):
    """Kafka has it: the ids by which the message and its conversation are known from now on."""

    id: Id
    conversation: Id


class Fault(Record, frozen=True, kw_only=True):
    """What was wrong with a request: a stable code, a sentence, and where it was found."""

    code: str
    text: str
    path: str | None = None


class MessageOut(Record, frozen=True, kw_only=True):
    """A message with what became of it; `decision` is null until there is one."""

    message: Message
    decision: Decision | None
    outcomes: tuple[Outcome, ...]


class ReceiptOut(Record, frozen=True, kw_only=True):
    """What a door token learns of a message that it handed over: how far it is, and no word of it.

    `routed` to a department or to triage, or put away as automatic; `answered` once a reply was
    written; `resolved` once people closed it.
    """

    id: Id
    conversation: Id
    brand: str
    state: Literal["accepted", "routed", "answered", "resolved"]


class ClaimIn(Record, frozen=True, kw_only=True):
    """Ask for work; `wait_s` waits that long for some to come."""

    agent: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    wait_s: Annotated[float, msgspec.Meta(ge=0, le=30)] = 0


class Item(Record, frozen=True, kw_only=True):
    """What was claimed: all waiting messages of one conversation, oldest first."""

    id: Id
    lease: str
    conversation: Id
    department: Name
    messages: tuple[Message, ...]
    decision: Decision
    due: Due
    lease_until: Time


class Claimed(Record, frozen=True, kw_only=True):
    """What a claim got; empty when nothing waits."""

    items: tuple[Item, ...]


class LeaseIn(Record, frozen=True, kw_only=True):
    """Heartbeat, complete and release: the lease, and a note for the record."""

    lease: str
    note: Annotated[str, msgspec.Meta(max_length=TEXT_LIMIT)] = ""


class ReplyIn(Record, frozen=True, kw_only=True):
    """An answer to the customer; `allow_new_participant` once a person knows who it is."""

    lease: str
    text: Text
    allow_new_participant: bool = False


class MoveIn(Record, frozen=True, kw_only=True):
    """Reroute to another department, or escalate; the reason is a training label: be honest."""

    lease: str
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    department: Name | None = None


class Done(Record, frozen=True, kw_only=True):
    """What was recorded; `outcome` is null for a heartbeat."""

    item: Id
    outcome: Id | None = None
    lease_until: Time | None = None


class JudgeIn(Record, frozen=True, kw_only=True):
    """What a person says of an incident: `into` for merge; `text_tr`, `text_en` for answer (one of
    them will do), which goes to those who write later, too, when `later` is true."""

    agent: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    into: Id | None = None
    text_tr: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    text_en: Annotated[str, msgspec.Meta(max_length=4000)] = ""
    later: bool = False


class IncidentOut(Record, frozen=True, kw_only=True):
    """An incident as it is now, the ids of its messages, the newest first, and of other incidents
    that may have the same cause, the likeliest first."""

    incident: Incident
    messages: tuple[Id, ...] = ()
    alike: tuple[Id, ...] = ()


class IncidentsOut(Record, frozen=True, kw_only=True):
    """The incidents of the last thirty days, open ones first."""

    incidents: tuple[Incident, ...]


class HandleOut(Record, frozen=True, kw_only=True):
    """A handle of a customer and how it is known: `given` (it was asked for), by the `source` of a
    message that names it together with `of`, or by a `person`."""

    node: Node
    how: Literal["given", "source", "person"]
    of: Node | None = None
    message: Id | None = None
    agent: str = ""
    reason: str = ""
    at: Time | None = None


class ProposalOut(Record, frozen=True, kw_only=True):
    """A handle that may be the same customer's: the `sender` typed it beside `of`, or wrote it into
    a `text`. Nothing is shown of it before a person has asked and said so."""

    node: Node
    of: Node
    how: str
    message: Id


class ConversationOut(Record, frozen=True, kw_only=True):
    """A conversation of a customer: when it began and was last written in (milliseconds since 1970,
    UTC), how many messages the customer's handles sent, and its newest message."""

    conversation: Id
    channel: str
    first_ms: int
    last_ms: int
    messages: int
    newest: Id
    subject: str = ""
    department: Name | None = None


class CustomerOut(Record, frozen=True, kw_only=True):
    """A customer: handles with their evidence, conversations, and proposals."""

    brand: str
    handles: tuple[HandleOut, ...]
    conversations: tuple[ConversationOut, ...]
    proposals: tuple[ProposalOut, ...] = ()


class LinkIn(Record, frozen=True, kw_only=True):
    """What a person says of two handles, by which message, and why."""

    agent: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    brand: str = "default"
    a: Node
    b: Node
    status: Literal["linked", "unlinked"]
    message: Id | None = None
    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""


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

    @property
    def answers(self) -> tuple[type[Record], ...]:
        """The Structs that it may answer with."""
        if isinstance(self.answer, UnionType):
            return get_args(self.answer)
        return () if self.answer is None else (self.answer,)


_ITEM = "/v1/desk/items/{id}"
_DESK_ERRORS = (400, 401, 404, 409, 503)
OPERATIONS = (
    Operation("post", "/v1/messages", "door", "Hand over a message; 202 once Kafka has it",
              MessageIn, Accepted, 202, (400, 401, 413, 503)),
    Operation("post", "/v1/hooks/{channel}/{account}", "door",
              "A vendor's webhook; for channel mail a raw RFC 5322 body", None, Accepted, 200,
              (400, 401, 404, 413, 503), "message/rfc822"),
    Operation("get", "/v1/messages/{id}", "desk or console; door: the receipt of what it wrote",
              "A message, its decision and its outcomes, personal numbers masked", None,
              MessageOut | ReceiptOut, 200, (401, 404, 503), personal=True),
    Operation("post", "/v1/desk/{department}/claim", "desk",
              "Claim the most urgent items, personal numbers masked", ClaimIn, Claimed, 200,
              _DESK_ERRORS, personal=True),
    Operation("post", f"{_ITEM}/heartbeat", "desk", "Keep the lease", LeaseIn, Done, 200,
              _DESK_ERRORS),
    Operation("post", f"{_ITEM}/reply", "desk", "Answer the customer; the item stays yours",
              ReplyIn, Done, 200, _DESK_ERRORS),
    Operation("post", f"{_ITEM}/note", "desk", "Write a note for colleagues", LeaseIn, Done, 200,
              _DESK_ERRORS),
    Operation("post", f"{_ITEM}/complete", "desk", "Resolve it", LeaseIn, Done, 200, _DESK_ERRORS),
    Operation("post", f"{_ITEM}/release", "desk", "Give it back", LeaseIn, Done, 200,
              _DESK_ERRORS),
    Operation("post", f"{_ITEM}/reroute", "desk", "Move it to another department", MoveIn, Done,
              200, _DESK_ERRORS),
    Operation("post", f"{_ITEM}/escalate", "desk", "Raise it, in this department or another",
              MoveIn, Done, 200, _DESK_ERRORS),
    Operation("get", "/v1/incidents", "desk or console", "Incidents of the last thirty days",
              None, IncidentsOut),
    Operation("get", "/v1/messages/{id}/customer", "desk or console",
              "Who wrote a message: handles, conversations, proposals", None, CustomerOut, 200,
              (401, 404)),
    Operation("post", "/v1/links", "desk or console",
              "Say that two handles are, or are not, one customer's", LinkIn, Link, 200,
              (400, 401, 503)),
    Operation("get", "/v1/incidents/{id}", "desk or console", "An incident and its messages",
              None, IncidentOut, 200, (401, 404)),
    *(Operation("post", f"/v1/incidents/{{id}}/{verb}", "desk or console", told, JudgeIn, Incident,
                200, _DESK_ERRORS)
      for verb, told in (
          ("confirm", "Say that it is one: its messages become still more urgent"),
          ("dismiss", "Say that it is none: it opens no more while it lasts"),
          ("close", "Say that it is over"), ("merge", "Say that it is part of another"),
          ("answer", "Send all of its customers a holding text"))),
)  # fmt: skip

_SENTENCES = {
    400: "malformed or invalid: code, text and the path of the fault", 401: "no or wrong token",
    404: "unknown", 409: "the lease is no longer held, or the incident is ended",
    413: "too large: the limit is in the text",
    503: "Kafka or Redis is away: try again after Retry-After seconds",
}  # fmt: skip


def openapi() -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of door and desk."""
    used = {o.body for o in OPERATIONS if o.body is not None} | {Fault}
    kinds = sorted(used.union(*(o.answers for o in OPERATIONS)), key=lambda u: u.__name__)
    _, components = msgspec.json.schema_components(
        kinds, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Santral door and desk", "version": "1.0.0",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "security": [{"bearer": []}],
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }  # fmt: skip


def _operation(told: Operation) -> dict[str, Any]:
    names = [p.strip("{}") for p in told.path.split("/") if p.startswith("{")]
    made: dict[str, Any] = {
        "operationId": "_".join([told.method, *(p for p in told.path.split("/") if p.isalpha())]),
        "summary": told.summary,
        "description": f"Token: {told.token}.",
        "parameters": [
            {"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names
        ],
        "responses": {str(told.status): _response("done", *told.answers)}
        | {str(s): _response(_SENTENCES[s], Fault) for s in told.errors},
    }
    if told.personal:
        made["parameters"].append(_PERSONAL_PARAMETER)
    if told.body is not None:
        made["requestBody"] = {"required": True, "content": _content(told.body)}
    elif told.method == "post":
        made["requestBody"] = {"required": True, "content": {told.media: {}}}
    return made


_PERSONAL_PARAMETER = {
    "name": PERSONAL_HEADER,
    "in": "header",
    "required": False,
    "description": "The token of who may see personal numbers; each look is an outcome `revealed`.",
    "schema": {"type": "string"},
}


def _response(text: str, *kinds: type[Record]) -> dict[str, Any]:
    return {"description": text} | ({"content": _content(*kinds)} if kinds else {})


def _content(*kinds: type[Record]) -> dict[str, Any]:
    schemas = [{"$ref": f"#/components/schemas/{kind.__name__}"} for kind in kinds]
    return {"application/json": {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}}
