"""The objects of the Bot Framework, with the fields that Santral reads.

Source: learn.microsoft.com, Bot Framework activity schema; Bot Connector authentication.
"""

import msgspec

from schemas.base import Record


class ChannelAccount(Record, frozen=True, kw_only=True, rename="camel"):
    """A person or a bot."""

    id: str = ""
    name: str | None = ""
    aad_object_id: str | None = ""


class ConversationAccount(Record, frozen=True, kw_only=True, rename="camel"):
    """A chat or a thread of a channel; without a type it is a chat with one person."""

    id: str = ""
    conversation_type: str | None = ""


class FileDownload(Record, frozen=True, kw_only=True, rename="camel"):
    """The content of an attachment that is a shared file."""

    download_url: str | None = ""


class ActivityAttachment(Record, frozen=True, kw_only=True, rename="camel"):
    """A file, a picture in the text, a card, or the text again as HTML."""

    content_type: str | None = ""
    content_url: str | None = ""
    name: str | None = ""
    content: msgspec.Raw = msgspec.Raw(b"null")


class AddedReaction(Record, frozen=True, kw_only=True):
    """A reaction, such as `like`."""

    type: str = ""


class Activity(Record, frozen=True, kw_only=True, rename="camel"):
    """The body of a call. `value` holds the inputs of a submitted card."""

    type: str = ""
    id: str = ""
    timestamp: str | None = None
    service_url: str = ""
    channel_id: str = ""
    sender: ChannelAccount = msgspec.field(name="from", default=ChannelAccount())
    recipient: ChannelAccount = ChannelAccount()
    conversation: ConversationAccount = ConversationAccount()
    text: str | None = ""
    text_format: str | None = ""
    attachments: tuple[ActivityAttachment, ...] = ()
    reply_to_id: str | None = ""
    value: msgspec.Raw = msgspec.Raw(b"null")
    reactions_added: tuple[AddedReaction, ...] = ()


class OpenIdConfiguration(Record, frozen=True, kw_only=True):
    """The address of the Bot Framework's public keys."""

    jwks_uri: str = ""


class SigningKey(Record, frozen=True, kw_only=True):
    """A public key (RFC 7517); `endorsements` are the channels whose calls it may sign."""

    kid: str = ""
    kty: str = ""
    n: str = ""
    e: str = ""
    endorsements: tuple[str, ...] = ()


class SigningKeySet(Record, frozen=True, kw_only=True):
    """All public keys."""

    keys: tuple[SigningKey, ...] = ()


class TokenClaims(Record, frozen=True, kw_only=True):
    """The claims of a call's token; `exp` and `nbf` are unix seconds."""

    exp: float
    nbf: float | None = None
    serviceurl: str | None = None


class ConnectorToken(Record, frozen=True, kw_only=True):
    """An access token for the Bot Connector."""

    access_token: str = ""
