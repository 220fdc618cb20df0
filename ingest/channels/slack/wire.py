"""The objects of Slack's Events API, with the fields that Santral reads.

Source: docs.slack.dev, Events API and message events.
"""

import msgspec

from ingest.parsing.json_values import Text
from schemas.base import Record


class UploadedFile(Record, frozen=True, kw_only=True):
    """A file; a file of another workspace (Slack Connect) has only its id."""

    id: str = ""
    name: str | None = ""
    mimetype: str | None = ""
    size: Text = 0
    url_private_download: str | None = ""
    url_private: str | None = ""


class FileInfo(Record, frozen=True, kw_only=True):
    """The response of files.info."""

    file: UploadedFile = UploadedFile()


class SharedMessage(Record, frozen=True, kw_only=True):
    """A message that a person forwarded or linked, as an attachment of the new one."""

    text: str | None = ""
    is_share: bool = False
    is_msg_unfurl: bool = False


class MessageEdit(Record, frozen=True, kw_only=True):
    """The time of a message's last edit."""

    ts: str = ""


class ReactionItem(Record, frozen=True, kw_only=True):
    """The message that a reaction is about; a reaction to a file has no channel."""

    channel: str | None = ""
    ts: str | None = ""


class AnySlackEvent(Record, frozen=True, kw_only=True):
    """An event of any type, of which Santral reads only the type."""

    type: str = ""


class SlackEvent(Record, frozen=True, kw_only=True):
    """A message, an event about a message (which is in `message`), or a reaction.

    `ts` is the time of a message and its id within the channel.
    """

    type: str = ""
    subtype: str | None = ""
    channel: str | None = ""
    user: str | None = ""
    bot_id: str | None = None
    text: str | None = ""
    ts: str = ""
    thread_ts: str | None = ""
    event_ts: str | None = ""
    deleted_ts: str | None = ""
    files: tuple[UploadedFile, ...] = ()
    attachments: tuple[SharedMessage, ...] = ()
    edited: MessageEdit | None = None
    message: "SlackEvent | None" = None
    previous_message: "SlackEvent | None" = None
    reaction: str | None = ""
    item: ReactionItem | None = None


class EventWrapper(Record, frozen=True, kw_only=True):
    """The body of a call."""

    type: str = ""
    challenge: str = ""
    team_id: str | None = ""
    event: msgspec.Raw = msgspec.Raw(b"null")


class ArchivedSlackEvent(Record, frozen=True, kw_only=True):
    """An event with its workspace, as the archive keeps it."""

    team: str
    event: msgspec.Raw
