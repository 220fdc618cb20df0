"""Bluesky: posts that mention the brand or answer it, from Jetstream.

Before: Jetstream tells of every post there is. After: accept publishes the few that are for us.
An event that can't be ours costs a look at its bytes, not a parse. `time_us` is the cursor; a
server that can't go back so far says nothing, so the first event's time is compared. Source:
github.com/bluesky-social/jetstream; docs.bsky.app, lexicon app.bsky.feed.post.
"""

import asyncio
import re
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import httpx2
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from ingest.channel import (
    Context,
    Delivery,
    HintKind,
    Media,
    MediaClient,
    Parsed,
    build_message,
    event_for,
)
from ingest.parsing.json_values import Text, decode_json, parse_size, parse_time
from ingest.source import Accept, CursorStore, Source, SourceContext
from ingest.sources.recent_posts import RecentPosts
from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record
from schemas.delays import RECONNECT_S
from schemas.errors import Rejected, Retry
from schemas.message import Answering, Attachment, Handle, Party, Post
from schemas.state.cursor import Cursor
from schemas.text.fold import fold

POST = "app.bsky.feed.post"
LIMIT = 300
_PARENT = re.compile(rb'"parent":\{[^{}]{0,300}?"uri":"([^"]{1,300})"')
_SAVE_EVERY_S = 5.0
_SILENCE_S = 60.0
_GAP = timedelta(minutes=5)
_LIKES = {
    "app.bsky.feed.like": "like",
    "app.bsky.feed.repost": "repost",
    "app.bsky.graph.follow": "follow",
    "app.bsky.graph.block": "block",
}


class Account(Record, frozen=True, kw_only=True):
    """One account, and the words that name its brand."""

    brand: Brand = ""
    did: Annotated[str, msgspec.Meta(description="The account's own id, did:plc:….")] = ""
    keywords: Annotated[
        tuple[str, ...], msgspec.Meta(description="Words that name the brand in anybody's post.")
    ] = ()
    jetstream: Annotated[
        str, msgspec.Meta(description="The Jetstream server whose stream is read.")
    ] = "wss://jetstream2.us-east.bsky.network/subscribe"
    api: ApiAddress = "https://public.api.bsky.app"
    pds: Annotated[str, msgspec.Meta(description="The server of the account that answers.")] = (
        "https://bsky.social"
    )
    directory: Annotated[
        str, msgspec.Meta(description="The directory that names the server of an id.")
    ] = "https://plc.directory"


class Place(Record, frozen=True, kw_only=True):
    """A post: where it lies and which version."""

    uri: str = ""
    cid: str = ""


class Answered(Record, frozen=True, kw_only=True):
    """What a post answers."""

    root: Place = Place()
    parent: Place = Place()


class Feature(Record, frozen=True, kw_only=True):
    """A mention, a link or a tag."""

    kind: str = msgspec.field(default="", name="$type")
    did: str = ""
    uri: str = ""


class Span(Record, frozen=True, kw_only=True, rename="camel"):
    """Bytes of the text in UTF-8, the end excluded."""

    byte_start: int = 0
    byte_end: int = 0


class Facet(Record, frozen=True, kw_only=True):
    """What a stretch of the text is."""

    index: Span = Span()
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
    """What a post shows: pictures, a film, another post."""

    images: tuple[Image, ...] = ()
    video: Blob | None = None
    record: Any = None
    media: "Embed | None" = None


class PostRecord(Record, frozen=True, kw_only=True, rename="camel"):
    """A post as its author wrote it."""

    text: str = ""
    created_at: Text = None
    langs: tuple[str, ...] = ()
    facets: tuple[Facet, ...] = ()
    reply: Answered | None = None
    embed: Embed | None = None


class Commit(Record, frozen=True, kw_only=True):
    """What was done; `record` is read once it is known to be a post."""

    rev: str = ""
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    cid: str = ""
    record: msgspec.Raw = msgspec.Raw()


class Said(Record, frozen=True, kw_only=True):
    """An event of Jetstream's first form."""

    did: str = ""
    time_us: Text = None
    kind: str = ""
    commit: Commit | None = None


class Inner(Commit, frozen=True, kw_only=True, rename="camel"):
    """An event of Jetstream's second form."""

    kind: str = msgspec.field(default="", name="$type")
    did: str = ""
    seq: Text = None
    witnessed_at: Text = None
    time: Text = None


class Wrapped(Record, frozen=True, kw_only=True):
    """The second form's envelope."""

    payload: Inner | None = None


class Profile(Record, frozen=True, kw_only=True, rename="camel"):
    """Who wrote it."""

    handle: str | None = ""
    display_name: str | None = ""
    followers_count: int | None = None


class Stored(Record, frozen=True, kw_only=True):
    """An event with its author's profile, as the archive keeps it."""

    event: msgspec.Raw = msgspec.Raw()
    profile: Profile | None = None


class Bluesky:
    """The channel."""

    name = "bluesky"
    way: Literal["push", "pull"] = "pull"
    hint_kind: HintKind = "conversation"
    account = Account
    takes = "posts that mention, answer or quote the account or contain a keyword, and their edits"
    ignores = "likes, reposts, follows, blocks, and all other posts"

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one event; Rejected(delivery.ignored) when it is none of ours."""
        told: Account = context.settings or Account()
        stored = decode_json(Stored, delivery.raw)
        raw = bytes(stored.event) or delivery.raw
        said = event(raw)
        commit = _commit(said)
        uri = f"at://{said.did}/{commit.collection}/{commit.rkey}"
        if commit.operation == "delete":
            return _deleted(uri, said, delivery, context)
        record = decode_json(PostRecord, commit.record)
        why = unwanted(said.did, record, told)
        if why and delivery.hint is None:
            raise Rejected("delivery.ignored", why)
        return _posted(uri, said, record, stored.profile or Profile(), delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a picture or film from its author's server."""
        did, _, cid = ref.partition("/")
        asked = f"did={quote(did)}&cid={quote(cid)}"
        home = await _home(did, settings, web)
        url = f"{home}/xrpc/com.atproto.sync.getBlob?{asked}"
        return await web.get(url, own=settings.pds)

    def pulls(self, settings: Account) -> bool:
        """Say whether there is something to look for."""
        return bool(settings.did or settings.keywords)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the stream of one account."""
        return Stream(account, settings, context)


class Service(Record, frozen=True, kw_only=True, rename="camel"):
    """A service of somebody's."""

    id: str = ""
    service_endpoint: Any = ""


class Document(Record, frozen=True, kw_only=True):
    """A DID document."""

    service: tuple[Service, ...] = ()


async def _home(did: str, settings: Account, web: MediaClient) -> str:
    """Return the server that holds somebody's files, by their DID document."""
    if did.startswith("did:plc:"):
        where = f"{settings.directory}/{quote(did)}"
    elif re.fullmatch(r"did:web:[a-zA-Z0-9.-]+", did):
        where = f"https://{did.removeprefix('did:web:')}/.well-known/did.json"
    else:
        raise Rejected("media.refused", "no DID that can be looked up")
    for one in decode_json(Document, await web.get(where, own=settings.directory)).service:
        if one.id.endswith("#atproto_pds") and isinstance(one.service_endpoint, str):
            return one.service_endpoint.rstrip("/")
    raise Rejected("media.gone", "the author names no server")


def event(raw: bytes) -> Said:
    """Return an event of either form in the first one's shape."""
    wrapped = decode_json(Wrapped, raw).payload
    if wrapped is None:
        return decode_json(Said, raw)
    at = parse_time(wrapped.witnessed_at or wrapped.time)
    kind = wrapped.kind.rpartition("#")[2]
    inner = Commit(
        rev=wrapped.rev,
        operation=wrapped.operation,
        collection=wrapped.collection,
        rkey=wrapped.rkey,
        cid=wrapped.cid,
        record=wrapped.record,
    )
    return Said(
        did=wrapped.did,
        kind=kind,
        time_us=int(at.timestamp() * 1_000_000) if at else None,
        commit=inner if kind == "commit" else None,
    )


def _commit(said: Said) -> Commit:
    """Return the commit of a post; raise Rejected(delivery.ignored) for anything else."""
    commit = said.commit
    if said.kind != "commit" or commit is None:
        if not said.did or not said.kind:
            raise Rejected("json.invalid", "no event of Jetstream's: no did, no kind")
        raise Rejected("delivery.ignored", f"{said.kind[:20]} event")
    if commit.collection != POST:
        raise Rejected("delivery.ignored", _LIKES.get(commit.collection, "another collection"))
    if commit.operation not in ("create", "update", "delete") or not (said.did and commit.rkey):
        raise Rejected("json.invalid", f"a commit without did, key or operation: {commit.rev}")
    return commit


def unwanted(did: str, record: PostRecord, told: Account) -> str:
    """Return why a post is not for us; empty when it is, or when nothing says who we are."""
    if not told.did and not told.keywords:
        return ""
    if told.did:
        if did == told.did:
            return "our own"
        near = f"at://{told.did}/"
        answered = record.reply or Answered()
        mentions = [f.did for facet in record.facets for f in facet.features]
        if told.did in mentions or answered.parent.uri.startswith(near):
            return ""
        if near in _quoted(record.embed):
            return ""
    text = fold(record.text)
    if any(f" {fold(k).strip()} " in text for k in told.keywords):
        return ""
    return "not about us"


def _quoted(embed: Embed | None) -> str:
    return "" if embed is None else str(embed.record or "")


def _posted(
    uri: str,
    said: Said,
    record: PostRecord,
    profile: Profile,
    delivery: Delivery,
    context: Context[Account],
) -> Parsed:
    commit = said.commit or Commit()
    answered = record.reply or Answered()
    root = answered.root.uri or uri
    native, event = uri, None
    if commit.operation == "update":
        native = f"{uri}@{commit.rev or commit.cid}"
        event = event_for("bluesky", delivery, "edited", uri)
    files = _files(record.embed)
    handle = profile.handle or said.did
    first = answered.root if answered.root.uri else Place(uri=uri, cid=commit.cid)
    made = build_message(
        "bluesky",
        delivery,
        context,
        native_id=native,
        root=f"{root}|{said.did}",
        kind="post",
        sender=Party(
            name=profile.display_name or profile.handle or "",
            handles=(Handle(kind="handle", value=f"bluesky:{said.did}"),),
        ),
        text=record.text,
        full_text=_whole(record),
        event=event,
        sent_at=_sent(said, record),
        attachments=tuple(_attachment(blob, alt) for blob, alt in files),
        post=Post(
            url=f"https://bsky.app/profile/{handle}/post/{commit.rkey}",
            parent=answered.parent.uri or None,
            author_reach=profile.followers_count,
        ),
        # What an answer needs: the root and the post, each with its version.
        thread=(f"{first.uri}|{first.cid}", f"{uri}|{commit.cid}"),
        reply_to=uri,
        answering=Answering(limit=LIMIT, public=True),
    )
    media = tuple(Media(index=i, ref=f"{said.did}/{_cid(b)}") for i, (b, _) in enumerate(files))
    return Parsed(message=made, media=media)


def _sent(said: Said, record: PostRecord) -> Any:
    """Return when it was posted: the author's word, unless the server saw it much earlier."""
    claimed, witnessed = parse_time(record.created_at), parse_time(_seconds(said.time_us))
    if claimed and witnessed and claimed > witnessed + timedelta(minutes=5):
        return witnessed
    return claimed or witnessed


def _seconds(microseconds: Text) -> float:
    try:
        return float(microseconds or 0) / 1_000_000
    except ValueError:
        return 0.0


def _deleted(uri: str, said: Said, delivery: Delivery, context: Context[Account]) -> Parsed:
    if delivery.hint is None:
        raise Rejected("delivery.ignored", "the deletion of a post that was not taken")
    made = build_message(
        "bluesky",
        delivery,
        context,
        native_id=f"{uri}:deleted",
        root=f"{delivery.hint}|{said.did}",
        kind="post",
        text="",
        sender=Party(handles=(Handle(kind="handle", value=f"bluesky:{said.did}"),)),
        sent_at=parse_time(_seconds(said.time_us)),
        event=event_for("bluesky", delivery, "deleted", uri),
    )
    return Parsed(message=made)


def _whole(record: PostRecord) -> str:
    """Return the text with every link in full: what is shown of one is cut."""
    data = record.text.encode()
    for facet in sorted(record.facets, key=lambda f: -f.index.byte_start):
        link = next((f.uri for f in facet.features if f.uri), "")
        start, end = facet.index.byte_start, facet.index.byte_end
        if link and 0 <= start < end <= len(data):
            data = data[:start] + link.encode() + data[end:]
    return data.decode("utf-8", "replace")


def _files(embed: Embed | None) -> list[tuple[Blob, str]]:
    if embed is None:
        return []
    found = [(i.image, i.alt or "") for i in embed.images if i.image and _cid(i.image)]
    if embed.video and _cid(embed.video):
        found.append((embed.video, ""))
    return found + _files(embed.media)


def _cid(blob: Blob) -> str:
    return (blob.ref or {}).get("$link", "")


def _attachment(blob: Blob, alt: str) -> Attachment:
    kind = blob.mime_type or "application/octet-stream"
    name = alt.strip()[:100] or f"{kind.partition('/')[0]}.{kind.rpartition('/')[2]}"
    return Attachment(name=name, type=kind, size=parse_size(blob.size), sha256="")


class Stream:
    """One subscription: events are looked at as bytes, and few are parsed."""

    patient = True

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._settings, self._context = account, settings, context
        self._name = f"bluesky:{account}"
        self._posts = RecentPosts(self._name, context)
        self._needles = tuple(
            n
            for n in (settings.did.encode(), b'"operation":"delete"', b'"operation":"update"')
            if n
        )

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Follow the stream; raise Retry when it ends."""
        cursor = await cursors.load(self._name)
        since = cursor.position if cursor else 0
        query = {"wantedCollections": POST} | ({"cursor": str(since)} if since else {})
        url = f"{self._settings.jetstream}?{urlencode(query)}"
        saved, first = self._context.now(), True
        async with httpx2.AsyncClient(timeout=10) as client:
            try:
                async with connect(url, max_size=8 * 1024 * 1024, open_timeout=20) as socket:
                    while True:
                        async with asyncio.timeout(_SILENCE_S):
                            raw = await socket.recv(decode=False)
                        at = await self._one(raw, accept, client)
                        if first and since and at > since + _GAP / timedelta(microseconds=1):
                            self._context.warn("source.gap", source=self._name, was=since, now=at)
                        first = False
                        now = self._context.now()
                        if at > since and (now - saved).total_seconds() > _SAVE_EVERY_S:
                            since, saved = at, now
                            await cursors.save(
                                Cursor(
                                    source=self._name,
                                    epoch="time_us",
                                    position=at,
                                    at=now,
                                )
                            )
                            self._context.report_pass(self._name)
            except (OSError, TimeoutError, WebSocketException) as error:
                why = f"Jetstream: {type(error).__name__}"
                raise Retry(RECONNECT_S, why) from error

    async def _one(self, raw: bytes, accept: Accept, client: httpx2.AsyncClient) -> int:
        """Take an event when it is for us; return its time in microseconds."""
        try:
            at = int(decode_json(Clock, raw).time_us or 0)
        except Rejected:
            return 0
        if not self._settings.keywords and not self._may_be_ours(raw):
            return at
        try:
            said = event(raw)
            commit = _commit(said)
            uri = f"at://{said.did}/{commit.collection}/{commit.rkey}"
            known = self._posts.root(uri)
            if commit.operation == "delete":
                if known is not None:
                    await accept(self._delivery(raw, hint=known))
                return at
        except Rejected:
            return at
        try:
            record = decode_json(PostRecord, commit.record)
        except Rejected:
            if self._settings.did and self._settings.did.encode() in raw:
                await accept(self._delivery(raw, hint=None))  # a dead letter will tell
            return at
        answered = record.reply or Answered()
        if known is None and unwanted(said.did, record, self._settings):
            # Whoever goes on below their own words to us still speaks to us.
            before = self._posts.root(answered.parent.uri)
            if before is None or not answered.parent.uri.startswith(f"at://{said.did}/"):
                return at
            known = before
        profile = await self._profile(said.did, client)
        stored = msgspec.json.encode(Stored(event=msgspec.Raw(raw), profile=profile))
        await accept(self._delivery(stored, hint=known))
        self._posts.add(uri, answered.root.uri or uri)
        return at

    def _may_be_ours(self, raw: bytes) -> bool:
        """Say by its bytes whether an event is worth a parse: nearly none is."""
        if any(n in raw for n in self._needles):
            return True
        parent = _PARENT.search(raw)
        return bool(parent and self._posts.root(parent[1].decode("utf-8", "replace")))

    def _delivery(self, raw: bytes, hint: str | None) -> Delivery:
        return Delivery(raw=raw, account=self._account, received_at=self._context.now(), hint=hint)

    async def _profile(self, did: str, client: httpx2.AsyncClient) -> Profile | None:
        """Return who wrote; None when that can't be asked just now: the post counts."""
        url = f"{self._settings.api}/xrpc/app.bsky.actor.getProfile"
        try:
            found = await client.get(url, params={"actor": did})
            return decode_json(Profile, found.content) if found.status_code == 200 else None
        except (httpx2.HTTPError, Rejected) as error:
            self._context.warn("profile.unknown", source=self._name, why=type(error).__name__)
            return None


class Clock(Record, frozen=True, kw_only=True):
    """As much of an event as tells its time."""

    time_us: int | None = None
