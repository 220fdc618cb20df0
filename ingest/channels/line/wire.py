"""The objects of LINE's Messaging API, with the fields that Santral reads.

Source: line/line-openapi, webhook.yml.
"""

import msgspec

from ingest.parsing.json_values import Text
from schemas.base import Record


class EventSource(Record, frozen=True, kw_only=True, rename="camel"):
    """The person, the group chat or the room of an event."""

    user_id: str | None = ""
    group_id: str | None = ""
    room_id: str | None = ""


class ContentProvider(Record, frozen=True, kw_only=True, rename="camel"):
    """The holder of a file, which is `line` or `external`."""

    type: str = ""
    original_content_url: str | None = ""


class MessageContent(Record, frozen=True, kw_only=True, rename="camel"):
    """A message."""

    id: Text = ""
    type: str = ""
    text: str | None = ""
    file_name: str | None = ""
    file_size: Text = 0
    title: str | None = ""
    address: str | None = ""
    latitude: Text = ""
    longitude: Text = ""
    keywords: tuple[str, ...] = ()
    quoted_message_id: str | None = ""
    content_provider: ContentProvider | None = None


class UnsendDetail(Record, frozen=True, kw_only=True, rename="camel"):
    """The message that a person withdrew."""

    message_id: Text = ""


class PostbackParams(Record, frozen=True, kw_only=True):
    """The time that a person chose with a button."""

    datetime: str | None = ""
    date: str | None = ""
    time: str | None = ""


class PostbackContent(Record, frozen=True, kw_only=True, rename="camel"):
    """A tap on a button."""

    params: PostbackParams | None = None
    data: str | None = ""
    display_text: str | None = ""


class LineEvent(Record, frozen=True, kw_only=True, rename="camel"):
    """An event. Its mode is `standby` while another app answers the chat."""

    type: str = ""
    timestamp: Text = None
    mode: str = ""
    webhook_event_id: str | None = ""
    source: EventSource = EventSource()
    message: MessageContent | None = None
    postback: PostbackContent | None = None
    unsend: UnsendDetail | None = None


class CallbackRequest(Record, frozen=True, kw_only=True):
    """The body of a call; the console checks the address with a call without events."""

    destination: str | None = ""
    events: tuple[msgspec.Raw, ...]


class ArchivedLineEvent(Record, frozen=True, kw_only=True):
    """An event with the account that it is for, as the archive keeps it."""

    destination: str = ""
    event: msgspec.Raw
