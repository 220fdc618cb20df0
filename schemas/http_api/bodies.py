"""The HTTP contract of the door and the desk, with the bodies of requests and answers. Pure.

The door and the desk decode these Structs, and openapi.py documents them.
"""

from typing import Annotated, Literal, get_args

import msgspec

from schemas.base import Id, Name, Record, Time, open_list
from schemas.decision import Decision, Due
from schemas.incident import Incident
from schemas.message import TEXT_LIMIT, Message, Unit
from schemas.outcome import Outcome
from schemas.state.link import Node

PERSONAL_HEADER = "Personal-Token"
"""The header of the right to personal numbers. With the token `personal` as its value, answers
show the numbers unmasked, and each message shown that way gets an Outcome `revealed`."""

IDEMPOTENCY_HEADER = "Idempotency-Key"
"""The header with the caller's own name of one answer. A retry with the same key is the same
answer, and another key is another answer, even with the same text."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_LIMIT)]
Short = Annotated[str, msgspec.Meta(max_length=512)]


class SenderIn(Record, frozen=True, kw_only=True):
    """The sender, with at least one handle, so that an answer can reach them."""

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
    """A message by API; the same `native_id` of a caller again is the same message."""

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
    """The ids of a message that Kafka has, and of its conversation."""

    id: Id
    conversation: Id


class Fault(Record, frozen=True, kw_only=True):
    """The fault of a request, with a stable code, a sentence, and its path in the body."""

    code: str
    text: str
    path: str | None = None


class MessageOut(Record, frozen=True, kw_only=True):
    """A message with what became of it; `decision` is null until there is one."""

    message: Message
    decision: Decision | None
    outcomes: tuple[Outcome, ...]


class ReceiptOut(Record, frozen=True, kw_only=True):
    """A door token's view of its own message: the state, and none of the text.

    `routed` means that a department or triage has the message, or that it was filed as automatic.
    `answered` means that a person wrote a reply, and `resolved` that people closed it.
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


class ItemAnswering(Record, frozen=True, kw_only=True):
    """The limits on an answer to an item, which would go to `message`.

    `forbidden` is the reason why no answer can be sent, and `code` its stable code: the source
    takes none (`reply.forbidden`), no server is configured (`reply.no_server`), or the customer
    left no address (`reply.no_address`). The other fields are those of Message.answering.
    """

    message: Id
    until: Time | None = None
    limit: int | None = None
    unit: Annotated[str, open_list(get_args(Unit))] = "characters"
    forbidden: str = ""
    code: str = ""
    public: bool = False


class Item(Record, frozen=True, kw_only=True):
    """A claimed item, with all waiting messages of one conversation, the oldest first.

    `answering` has the limits on an answer; it is null without any.
    """

    id: Id
    lease: str
    conversation: Id
    department: Name
    messages: tuple[Message, ...]
    decision: Decision
    due: Due
    lease_until: Time
    answering: ItemAnswering | None = None


class Claimed(Record, frozen=True, kw_only=True):
    """The items of a claim; empty when nothing waits."""

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
    """The recorded outcome; `outcome` is null for a heartbeat."""

    item: Id
    outcome: Id | None = None
    lease_until: Time | None = None


class JudgeIn(Record, frozen=True, kw_only=True):
    """A person's action on an incident.

    A merge needs `into`, and an answer at least one of `text_tr` and `text_en`. If `later` is true,
    customers who write later get the answer too.
    """

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
    """A handle of a customer, and how Santral knows it.

    The request gave a `given` handle, a message of a `source` names it together with `of`, or a
    `person` linked it.
    """

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
    """A person's statement on two handles, with a message as evidence and the reason."""

    agent: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    brand: str = "default"
    a: Node
    b: Node
    status: Literal["linked", "unlinked"]
    message: Id | None = None
    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""
