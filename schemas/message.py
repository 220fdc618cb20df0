"""Message, which every channel produces, and its parts.

Ingest fills it, the router decides on it, and the desk and the store show it. Pure.
"""

from typing import Annotated, Literal, get_args

import msgspec

from schemas.base import Id, Record, Time, open_list

Kind = Literal["mail", "chat", "call", "post", "review", "form", "note"]
HandleKind = Literal["email", "phone", "handle", "customer_no"]
EventKind = Literal["edited", "deleted", "reaction"]
AutomaticKind = Literal["out_of_office", "bounce", "receipt", "abuse_report", "list", "loop"]
Role = Literal["customer", "agent", "unknown"]
Unit = Literal["characters", "bytes"]

KINDS: frozenset[str] = frozenset(get_args(Kind))
"""The kinds of messages that this version knows; it routes the other ones, too."""

TEXT_LIMIT = 128 * 1024
"""The longest text that Santral reads, in characters."""

MESSAGE_LIMIT = 200 * 1024
"""The largest message in bytes of JSON. A work item and an outcome add their own fields, and all of
it must fit into a record. The archive has the complete text of a message with `text.cut`."""

# The lists of a message that is cut to MESSAGE_LIMIT.
_MAX_RECIPIENTS = 100
_MAX_FORWARDED_RECIPIENTS = 50
_MAX_ATTACHMENTS = 100
_MAX_THREAD_IDS = 20


class Handle(Record, frozen=True, kw_only=True):
    """One way to reach or recognise a person; phones in E.164, addresses in lower case."""

    kind: Annotated[str, open_list(get_args(HandleKind))]
    value: Annotated[str, msgspec.Meta(max_length=512)]


class Party(Record, frozen=True, kw_only=True):
    """A person or an organisation as the source names it."""

    name: str = ""
    handles: tuple[Handle, ...] = ()

    def handle(self, kind: HandleKind) -> str | None:
        """Return the first handle of that kind, or None."""
        return next((h.value for h in self.handles if h.kind == kind), None)


class Attachment(Record, frozen=True, kw_only=True):
    """A file of a message. The archive has its bytes under `sha256`, unless it was `refused`, which
    then has the reason."""

    name: str
    type: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: str
    inline: bool = False
    refused: str = ""


class Bounce(Record, frozen=True, kw_only=True):
    """The content of a delivery report on one of our mails (RFC 3464).

    `recipients` are all that were not reached, and `recipient` is the first, or empty when the
    report names nobody. `hard` means that another try is useless, and `delayed` that the server
    still tries. `original` is the Message-ID of our mail.
    """

    recipient: str
    hard: bool
    reason: str = ""
    original: str | None = None
    recipients: tuple[str, ...] = ()
    delayed: bool = False


class Automatic(Record, frozen=True, kw_only=True):
    """Why Santral takes a message for a machine's; it never gets an answer.

    `until` is the day on which an absence ends, if the notice names it.
    """

    kind: Annotated[str, open_list(get_args(AutomaticKind))]
    evidence: str
    bounce: Bounce | None = None
    until: Time | None = None


class Forwarded(Record, frozen=True, kw_only=True):
    """The original of a forwarded mail, as far as the forwarding program names it."""

    sender: Party | None = None
    sent_at: Time | None = None
    subject: str = ""
    recipients: tuple[Party, ...] = ()
    text: str = ""


class Event(Record, frozen=True, kw_only=True):
    """An edit, deletion or reaction; `of` is the id of the message it touches."""

    kind: Annotated[str, open_list(get_args(EventKind))]
    of: Id


class Turn(Record, frozen=True, kw_only=True):
    """One turn of a call; `start` and `end` in seconds from its beginning.

    `unsure` has the spans, (start, end) in the text, of words that may be misheard.
    """

    speaker: str
    role: Annotated[str, open_list(get_args(Role))]
    start: float
    end: float
    text: str
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    unsure: tuple[tuple[int, int], ...] = ()


class Call(Record, frozen=True, kw_only=True):
    """A telephone call; `duration` in seconds.

    `roles_by` names the method that told agent and customer apart, and `roles_confidence` its
    certainty. `form` is the transcript's kind, and `language` the one that its maker names.
    """

    turns: tuple[Turn, ...] = ()
    started_at: Time | None = None
    duration: float | None = None
    queue: str | None = None
    agent: str | None = None
    roles_by: str = "unknown"
    roles_confidence: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0
    form: str = ""
    language: str = ""


class Post(Record, frozen=True, kw_only=True):
    """The place of a public post on its site; `rating` is from 0 (worst) to 1 (best)."""

    url: str | None = None
    parent: str | None = None
    author_reach: int | None = None
    rating: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None


class Answering(Record, frozen=True, kw_only=True):
    """The limits of the source on an answer, which the desk shows before a person writes one.

    `until` is the end of the right to answer, and `limit` the longest answer in `unit`. `forbidden`
    is the reason why the source takes no answer. Everybody can read a `public` answer.
    """

    until: Time | None = None
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None
    unit: Annotated[str, open_list(get_args(Unit))] = "characters"
    forbidden: str = ""
    public: bool = False


class Raw(Record, frozen=True, kw_only=True):
    """The reference of the original bytes in the archive; `size` is in bytes."""

    sha256: str
    size: int
    ref: str


class Message(Record, frozen=True, kw_only=True):
    """A customer's message, the same shape from every channel.

    `text` has the customer's own words, and `full_text` has everything. `position` is its position
    at the source, for the ledger. An answer needs `thread` to join the same thread, and goes to
    `reply_to`, in the channel's own terms; `answering` says what the source allows. `accepted_by`
    is a short hash of the access token that handed the message over, if there was one.
    """

    id: Id
    brand: str
    channel: str
    source: str
    native_id: str
    conversation: Id
    kind: Annotated[str, open_list(KINDS)]
    sender: Party
    recipients: tuple[Party, ...] = ()
    subject: str = ""
    text: str = ""
    full_text: str = ""
    sent_at: Time | None = None
    received_at: Time
    attachments: tuple[Attachment, ...] = ()
    automatic: Automatic | None = None
    forwarded: Forwarded | None = None
    call: Call | None = None
    post: Post | None = None
    event: Event | None = None
    repaired: tuple[str, ...] = ()
    raw: Raw | None = None
    position: str | None = None
    thread: tuple[str, ...] = ()
    reply_to: str | None = None
    answering: Answering | None = None
    flags: tuple[str, ...] = ()
    accepted_by: str | None = None

    @property
    def decided_text(self) -> str:
        """The text to which the offsets of evidence and entities refer: subject, then text."""
        return f"{self.subject}\n{self.text}" if self.subject else self.text


def truncate_to_limit(message: Message) -> Message:
    """Truncate texts and lists to MESSAGE_LIMIT, and record it in `repaired` as text.cut."""
    if len(message.full_text) + len(message.text) + len(message.recipients) * 60 < 16 * 1024:
        return message
    if len(msgspec.json.encode(message)) <= MESSAGE_LIMIT:
        return message
    room = MESSAGE_LIMIT // 4
    call = message.call
    if call is not None:
        call = msgspec.structs.replace(call, turns=_first(call.turns, room))
    sent_on = message.forwarded
    if sent_on is not None:
        sent_on = msgspec.structs.replace(
            sent_on,
            text=_cut(sent_on.text, room),
            recipients=sent_on.recipients[:_MAX_FORWARDED_RECIPIENTS],
        )
    return msgspec.structs.replace(
        message,
        text=_cut(message.text, room),
        full_text=_cut(message.full_text, room),
        forwarded=sent_on,
        call=call,
        recipients=message.recipients[:_MAX_RECIPIENTS],
        attachments=message.attachments[:_MAX_ATTACHMENTS],
        thread=message.thread[-_MAX_THREAD_IDS:],
        repaired=(*(r for r in message.repaired if r != "text.cut"), "text.cut"),
    )


def _first(turns: tuple[Turn, ...], limit: int) -> tuple[Turn, ...]:
    """Return as many of the first turns as take `limit` bytes of JSON."""
    first: list[Turn] = []
    for turn in turns:
        limit -= len(msgspec.json.encode(turn))
        if limit < 0:
            break
        first.append(turn)
    return tuple(first)


def _cut(text: str, limit: int) -> str:
    """Return as much of a text as takes `limit` bytes of JSON."""
    size = len(msgspec.json.encode(text))
    while size > limit:
        text = text[: max(1, int(len(text) * limit / size) - 1)]
        size = len(msgspec.json.encode(text))
    return text
