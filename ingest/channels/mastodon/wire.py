"""The objects of the Mastodon API, with the fields that Santral reads.

Source: docs.joinmastodon.org, entities and methods/streaming.
"""

from typing import Literal

from ingest.parsing.json_values import Text
from schemas.base import Record


class Person(Record, frozen=True, kw_only=True):
    """An account of the network; `acct` has no domain for an account of the same server."""

    id: Text = ""
    acct: str = ""
    url: str | None = ""
    display_name: str | None = ""
    bot: bool = False
    followers_count: int | None = None


class MediaAttachment(Record, frozen=True, kw_only=True):
    """A picture, film or sound of a post."""

    type: str = ""
    url: str | None = ""
    remote_url: str | None = ""
    description: str | None = ""


class Status(Record, frozen=True, kw_only=True):
    """A post, with an id of this server and a uri of the network."""

    id: Text = ""
    uri: str = ""
    url: str | None = None
    content: str | None = ""
    spoiler_text: str | None = ""
    created_at: Text = None
    edited_at: Text = None
    visibility: str = "public"
    in_reply_to_id: Text = None
    account: Person = Person()
    media_attachments: tuple[MediaAttachment, ...] = ()


class Notification(Record, frozen=True, kw_only=True):
    """A notification, of which Santral takes mentions only."""

    id: Text = ""
    type: str = ""
    status: Status | None = None


class ArchivedEvent(Record, frozen=True, kw_only=True):
    """An event with the root of its conversation, as the archive keeps it."""

    kind: Literal["mention", "edited", "deleted"]
    root: str = ""
    uri: str = ""
    author: str = ""
    status: Status | None = None


class StatusContext(Record, frozen=True, kw_only=True):
    """The posts above a post in its thread."""

    ancestors: tuple[Status, ...] = ()


class StreamEvent(Record, frozen=True, kw_only=True):
    """A frame of the stream, whose payload is JSON in a text, or the id of a deleted post."""

    event: str = ""
    payload: str | None = ""


class InstanceUrls(Record, frozen=True, kw_only=True):
    """The addresses of a server."""

    streaming: str = ""


class InstanceConfiguration(Record, frozen=True, kw_only=True):
    """The configuration that a server publishes."""

    urls: InstanceUrls = InstanceUrls()


class Instance(Record, frozen=True, kw_only=True):
    """The description of a server, with the address of its stream."""

    configuration: InstanceConfiguration = InstanceConfiguration()


class ObjectId(Record, frozen=True, kw_only=True):
    """The id of an object whose other fields may be unreadable."""

    id: Text = ""
