"""The objects of Jetstream and of the Bluesky lexicons, with the fields that Santral reads.

Source: github.com/bluesky-social/jetstream; docs.bsky.app, lexicon app.bsky.feed.post.
"""

import msgspec

from ingest.parsing.json_values import Text
from schemas.base import Record


class StrongRef(Record, frozen=True, kw_only=True):
    """The address and the version of a post."""

    uri: str = ""
    cid: str = ""


class ReplyRef(Record, frozen=True, kw_only=True):
    """The first post of a thread, and the post that a post answers."""

    root: StrongRef = StrongRef()
    parent: StrongRef = StrongRef()


class Feature(Record, frozen=True, kw_only=True):
    """A mention, a link or a tag."""

    kind: str = msgspec.field(default="", name="$type")
    did: str = ""
    uri: str = ""


class ByteSlice(Record, frozen=True, kw_only=True, rename="camel"):
    """Bytes of the text in UTF-8, the end excluded."""

    byte_start: int = 0
    byte_end: int = 0


class Facet(Record, frozen=True, kw_only=True):
    """A mention, link or tag with its bytes of the text."""

    index: ByteSlice = ByteSlice()
    features: tuple[Feature, ...] = ()


class Blob(Record, frozen=True, kw_only=True, rename="camel"):
    """A file."""

    ref: dict[str, str] | None = None
    mime_type: str = ""
    size: Text = 0


class Image(Record, frozen=True, kw_only=True):
    """A picture."""

    alt: str | None = ""
    image: Blob | None = None


class Embed(Record, frozen=True, kw_only=True):
    """The pictures, the film or the post that a post embeds."""

    images: tuple[Image, ...] = ()
    video: Blob | None = None
    record: object = None
    media: "Embed | None" = None


class PostRecord(Record, frozen=True, kw_only=True, rename="camel"):
    """A post as its author wrote it."""

    text: str = ""
    created_at: Text = None
    langs: tuple[str, ...] = ()
    facets: tuple[Facet, ...] = ()
    reply: ReplyRef | None = None
    embed: Embed | None = None


class Commit(Record, frozen=True, kw_only=True):
    """A change of a repository, whose `record` is decoded only for a post."""

    rev: str = ""
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    cid: str = ""
    record: msgspec.Raw = msgspec.Raw()


class JetstreamEvent(Record, frozen=True, kw_only=True):
    """An event in Jetstream's first form."""

    did: str = ""
    time_us: Text = None
    kind: str = ""
    commit: Commit | None = None


class EventPayload(Commit, frozen=True, kw_only=True, rename="camel"):
    """An event in Jetstream's second form."""

    kind: str = msgspec.field(default="", name="$type")
    did: str = ""
    seq: Text = None
    witnessed_at: Text = None
    time: Text = None


class JetstreamEnvelope(Record, frozen=True, kw_only=True):
    """The envelope of the second form."""

    payload: EventPayload | None = None


class AuthorProfile(Record, frozen=True, kw_only=True, rename="camel"):
    """The profile of an author."""

    handle: str | None = ""
    display_name: str | None = ""
    followers_count: int | None = None


class ArchivedJetstreamEvent(Record, frozen=True, kw_only=True):
    """An event with its author's profile, as the archive keeps it."""

    event: msgspec.Raw = msgspec.Raw()
    profile: AuthorProfile | None = None


class Service(Record, frozen=True, kw_only=True, rename="camel"):
    """A service of an account, such as the server of its repository."""

    id: str = ""
    service_endpoint: object = ""


class DidDocument(Record, frozen=True, kw_only=True):
    """A DID document."""

    service: tuple[Service, ...] = ()


class EventTime(Record, frozen=True, kw_only=True):
    """The time of an event, in microseconds."""

    time_us: int | None = None
