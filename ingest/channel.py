"""The Channel protocol: how ingest sees one kind of outside message.

A channel turns a Delivery into Parsed. The door calls a push channel's webhook (webhook.py); a
pull channel has a source (source.py) that reads by itself. A channel never retries, sleeps or
publishes. Ingest acts on its errors.

    Rejected(code)   nobody can ever accept the delivery, which becomes a dead letter or a 4xx
    Retry(after)     the delivery comes again
    anything else    a bug, which costs this delivery alone. A mail continues as unreadable,
                     anything else becomes a dead letter
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import (
    Any,
    Generic,
    Literal,
    Protocol,
    TypeAlias,
    TypedDict,
    TypeVar,
    Unpack,
    runtime_checkable,
)

from schemas.base import conversation_id, message_id
from schemas.errors import Rejected
from schemas.message import (
    Answering,
    Attachment,
    Call,
    Event,
    EventKind,
    Kind,
    Message,
    Party,
    Post,
)

HintKind = Literal["none", "mailbox", "file_name", "conversation"]


class AccountSettings(Protocol):
    """The settings of one account: the Struct of a table `[channels.NAME.ACCOUNT]`."""

    @property
    def brand(self) -> str:
        """The brand whose customers write to the account; empty is the installation's own."""
        ...


Account = TypeVar("Account", bound=AccountSettings)
Account_co = TypeVar("Account_co", bound=AccountSettings, covariant=True)
Account_contra = TypeVar("Account_contra", bound=AccountSettings, contravariant=True)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The raw bytes that a caller or a source hands over at one time.

    `position` is its position at the source, as `inventory` lists it. `hint` is a fact about the
    bytes which the source knows and only the channel's own parser reads; Channel.hint_kind says
    which. With `by_reference`, the bytes are only the reference to the content, which the channel
    resolves as a notice. `refused` is the reason why ingest can't take the delivery, whatever it
    contains. `accepted_by` names the access token of the caller.
    """

    raw: bytes
    account: str
    received_at: datetime
    position: str | None = None
    hint: str | None = None
    by_reference: bool = False
    refused: Rejected | None = None
    traceparent: str | None = None
    accepted_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Media:
    """A file that its vendor still holds, with the vendor's id or address of it as `ref`.

    `index` is the index of its attachment.
    """

    index: int
    ref: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A delivery that announces a message, with the vendor's reference to its content.

    Without that content a `bare` notice is worth nothing.
    """

    ref: str = field(repr=False)
    bare: bool = False


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A parsed delivery: the message, the files to archive by sha256, and `media` to fetch first.

    With a `notice`, ingest fetches the content of the message first.
    """

    message: Message
    files: tuple[bytes, ...] = ()
    media: tuple[Media, ...] = ()
    notice: Notice | None = None


@dataclass(frozen=True, kw_only=True)
class Context(Generic[Account_co]):
    """Facts that `parse` may use in addition to the bytes."""

    brand: str
    settings: Account_co | None = None
    signing_key: bytes = field(default=b"", repr=False)


class Channel(Protocol[Account]):
    """One kind of outside message, such as mail or WhatsApp.

    `account` is the Struct of an account's settings. `hint_kind` says what Delivery.hint holds.
    `takes` and `ignores` describe its deliveries for the channel's page.
    """

    name: str
    way: Literal["push", "pull"]
    account: type[Account]
    hint_kind: HintKind
    takes: str
    ignores: str

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the message of a delivery; raise Rejected. Pure: no I/O, no clock."""
        ...


AnyChannel: TypeAlias = Channel[Any]
"""A channel of a table of channels, each of which has settings of its own type."""


class MediaClient(Protocol):
    """The guarded HTTP client that ingest lends a channel: bounded, and without cookies."""

    async def get(
        self,
        url: str,
        *,
        own: str = "",
        secret: Mapping[str, str] | None = None,
        hosts: Sequence[str] = (),
    ) -> bytes:
        """Return the content of an address.

        The client connects only by https to public addresses, or to the host of `own`, which the
        operator configured. It sends the headers in `secret` to that host, to `hosts` and to their
        subdomains, and never along a redirect to another host. Raises Rejected(media.*) when the
        content can never be fetched, and Retry with the vendor's own delay when it may be later.
        """
        ...


@runtime_checkable
class FetchesMedia(Protocol[Account_contra]):
    """A channel whose vendor holds the files of its messages."""

    async def fetch(self, ref: str, settings: Account_contra, web: MediaClient) -> bytes:
        """Return the file of a Media's `ref`; raise Rejected(media.*) or Retry."""
        ...


@runtime_checkable
class ResolvesNotices(Protocol[Account_contra]):
    """A channel whose vendor sends notices."""

    async def resolve_notice(
        self, ref: str, raw: bytes, settings: Account_contra, web: MediaClient
    ) -> bytes:
        """Return the delivery that the notice `raw` announces, in the form that `parse` takes.

        Raises Rejected when there is no such delivery, and Retry when it may come later.
        """
        ...


class MessageFields(TypedDict, total=False):
    """Fields of Message that a channel fills in where it has a value for them."""

    full_text: str
    subject: str
    recipients: tuple[Party, ...]
    sent_at: datetime | None
    attachments: tuple[Attachment, ...]
    call: Call | None
    post: Post | None
    event: Event | None
    repaired: tuple[str, ...]
    thread: tuple[str, ...]
    reply_to: str | None
    answering: Answering | None
    flags: tuple[str, ...]


def event_for(channel: str, delivery: Delivery, kind: EventKind, native_id: str) -> Event:
    """Return an event of this kind about the message with a native id of the delivery's account."""
    return Event(kind=kind, of=message_id(channel, f"{channel}:{delivery.account}", native_id))


def build_message(
    channel: str,
    delivery: Delivery,
    context: Context[Account],
    *,
    native_id: str,
    root: str,
    kind: Kind,
    sender: Party,
    text: str,
    **fields: Unpack[MessageFields],
) -> Message:
    """Return a Message with the fields that every channel fills in alike: ids, brand and source.

    `root` identifies its conversation within the channel. Without `full_text`, the text is all.
    """
    fields.setdefault("full_text", text)
    source = f"{channel}:{delivery.account}"
    brand = (context.settings.brand if context.settings else "") or context.brand
    return Message(
        id=message_id(channel, source, native_id),
        brand=brand,
        channel=channel,
        source=source,
        native_id=native_id,
        conversation=conversation_id(brand, channel, root),
        kind=kind,
        sender=sender,
        text=text,
        received_at=delivery.received_at,
        position=delivery.position,
        **fields,
    )
