"""The objects of Meta's Page and Instagram webhooks, with the fields that Santral reads.

Source: developers.facebook.com, Messenger Platform, Page and Instagram webhooks.
"""

from typing import Literal

import msgspec

from ingest.parsing.json_values import Text
from schemas.base import Record

Product = Literal["messenger", "instagram"]
ItemPlace = Literal["messaging", "standby", "comment"]


class ArchivedMetaItem(Record, frozen=True, kw_only=True):
    """One item with the fields of its entry, as the archive keeps it."""

    ours: str
    place: ItemPlace
    field: str = ""
    time: Text = None
    item: msgspec.Raw


class MetaProfile(Record, frozen=True, kw_only=True):
    """A person or a page."""

    id: Text = ""
    name: str | None = ""
    username: str | None = ""
    self_ig_scoped_id: Text = None


class AttachmentPayload(Record, frozen=True, kw_only=True):
    """The content of an attachment."""

    url: str | None = ""
    title: str | None = ""
    story_media_url: str | None = ""
    coordinates: dict[str, Text] | None = None


class MessageAttachment(Record, frozen=True, kw_only=True):
    """A file, a location or a shared item."""

    type: str = ""
    title: str | None = ""
    url: str | None = ""
    payload: AttachmentPayload | None = None


class Story(Record, frozen=True, kw_only=True):
    """The story that a message answers."""

    url: str | None = ""
    id: Text = ""


class ReplyTo(Record, frozen=True, kw_only=True):
    """The message or the story that a message answers."""

    mid: str | None = ""
    story: Story | None = None


class Postback(Record, frozen=True, kw_only=True):
    """A quick reply or a postback."""

    payload: str | None = ""
    title: str | None = ""
    mid: str | None = ""


class DirectMessage(Record, frozen=True, kw_only=True):
    """A direct message."""

    mid: str = ""
    text: str | None = ""
    attachments: tuple[MessageAttachment, ...] | None = ()
    reply_to: ReplyTo | None = None
    is_echo: bool = False
    is_deleted: bool = False
    is_unsupported: bool = False
    app_id: Text = None


class MessageChange(Record, frozen=True, kw_only=True):
    """A reaction to a message, or an edit of it."""

    mid: str = ""
    text: str | None = None
    num_edit: Text = 0
    emoji: str | None = ""
    action: str | None = ""


class MessagingEvent(Record, frozen=True, kw_only=True):
    """One entry of `messaging`."""

    sender: MetaProfile = MetaProfile()
    recipient: MetaProfile = MetaProfile()
    timestamp: Text = None
    message: DirectMessage | None = None
    postback: Postback | None = None
    reaction: MessageChange | None = None
    message_edit: MessageChange | None = None
    read: msgspec.Raw = msgspec.Raw()
    delivery: msgspec.Raw = msgspec.Raw()
    optin: msgspec.Raw = msgspec.Raw()
    referral: msgspec.Raw = msgspec.Raw()


class ParentPost(Record, frozen=True, kw_only=True):
    """The post above a comment."""

    permalink_url: str | None = None


class PageComment(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A comment, a visitor's post, or a mention."""

    id: Text = ""
    comment_id: Text = ""
    post_id: Text = ""
    parent_id: Text = ""
    sender: MetaProfile | None = None
    sender_id: Text = ""
    sender_name: str | None = ""
    item: str = ""
    verb: str = ""
    message: str | None = ""
    text: str | None = ""
    created_time: Text = None
    media: MetaProfile | None = None
    media_id: Text = ""
    photo: str | None = None
    video: str | None = None
    link: str | None = None
    post: ParentPost | None = None


class PostContent(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """The content of a comment or a post, under the names of each product."""

    message: str | None = None
    text: str | None = None
    caption: str | None = None
    sender: MetaProfile | None = None
    username: str | None = None
    created_time: Text = None
    timestamp: Text = None
    permalink_url: str | None = None
    permalink: str | None = None


class MentionContent(PostContent, frozen=True, kw_only=True, rename={"sender": "from"}):
    """The response to a request for a mention."""

    mentioned_comment: PostContent | None = None
    mentioned_media: PostContent | None = None
