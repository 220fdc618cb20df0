"""The objects of the X API v2, with the fields that Santral reads.

Source: docs.x.com, X Activity API and filtered stream.
"""

import msgspec

from ingest.parsing.json_values import Text
from schemas.base import Record


class ReferencedTweet(Record, frozen=True, kw_only=True):
    """A post that a post answers, quotes or repeats."""

    type: str = ""
    id: Text = ""


class TweetEntity(Record, frozen=True, kw_only=True):
    """A mention, or a link."""

    id: Text = ""
    username: str | None = ""
    url: str | None = ""
    expanded_url: str | None = ""


class Entities(Record, frozen=True, kw_only=True):
    """The mentions and links of a text."""

    mentions: tuple[TweetEntity, ...] = ()
    urls: tuple[TweetEntity, ...] = ()


class NoteTweet(Record, frozen=True, kw_only=True):
    """The full text of a long post."""

    text: str = ""
    entities: Entities | None = None


class TweetAttachments(Record, frozen=True, kw_only=True):
    """The keys of the files of a post."""

    media_keys: tuple[str, ...] = ()


class Tweet(Record, frozen=True, kw_only=True):
    """A post."""

    id: Text = ""
    text: str = ""
    author_id: Text = ""
    conversation_id: Text = ""
    created_at: Text = None
    edit_history_tweet_ids: tuple[Text, ...] = ()
    in_reply_to_user_id: Text = None
    referenced_tweets: tuple[ReferencedTweet, ...] = ()
    entities: Entities | None = None
    note_tweet: NoteTweet | None = None
    attachments: TweetAttachments | None = None
    lang: str | None = ""


class PublicMetrics(Record, frozen=True, kw_only=True):
    """The reach of a user."""

    followers_count: int | None = None


class User(Record, frozen=True, kw_only=True):
    """The author of a post."""

    id: Text = ""
    name: str | None = ""
    username: str | None = ""
    public_metrics: PublicMetrics | None = None


class TweetMedia(Record, frozen=True, kw_only=True):
    """A picture or film."""

    media_key: str = ""
    type: str = ""
    url: str | None = ""


class Includes(Record, frozen=True, kw_only=True):
    """The users and files to which a post refers."""

    users: tuple[User, ...] = ()
    media: tuple[TweetMedia, ...] = ()


class TweetActivity(Record, frozen=True, kw_only=True):
    """An event of the Activity API."""

    event_uuid: str = ""
    event_type: str = ""
    payload: msgspec.Raw = msgspec.Raw(b"null")
    includes: Includes | None = None


class EventEnvelope(Record, frozen=True, kw_only=True):
    """A webhook's body or a line of the stream, whose `data` is an event or a post."""

    data: msgspec.Raw = msgspec.Raw()
    includes: Includes | None = None
    errors: msgspec.Raw = msgspec.Raw()


class ArchivedPost(Record, frozen=True, kw_only=True):
    """A post with the users and files of its event, as the archive keeps it."""

    event: str = ""
    post: msgspec.Raw
    includes: Includes = Includes()


class StreamLine(Record, frozen=True, kw_only=True):
    """A post of a page, in the form of the stream."""

    data: msgspec.Raw
    includes: Includes | None = None


class MentionsPage(Record, frozen=True, kw_only=True):
    """A page of mentions, the newest first."""

    data: tuple[msgspec.Raw, ...] = ()
    includes: Includes | None = None
    meta: dict[str, Text] | None = None
