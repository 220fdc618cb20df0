"""X: posts that mention the account, answer it or quote it, by webhook or by stream.

Before: X calls /v1/hooks/x/ACCOUNT, or the filtered stream sends. After: accept publishes. A post
that is edited gets a new id; the first of its history names it. Who did not mention or quote us
can't be answered by most apps: the desk is told. Source: docs.x.com, X Activity API, filtered
stream, webhooks (CRC).
"""

import base64
import hmac
import html
import re
from collections import OrderedDict
from hashlib import sha256
from typing import Annotated, Literal
from urllib.parse import urlencode

import httpx2
import msgspec

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
from ingest.parsing.json_values import Text, decode_json, parse_time
from ingest.source import Accept, CursorStore, Source, SourceContext
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResponse,
    WebhookResult,
    require_secret,
)
from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record
from schemas.delays import RECONNECT_S, RECOVERY_S
from schemas.errors import Rejected, Retry, retry_after
from schemas.message import Answering, Attachment, Handle, Party, Post
from schemas.state.cursor import Cursor

LIMIT = 280
_TAKEN = ("post.mention.create", "post.reply.create", "post.quote.create", "post.delete")
_FIELDS = {
    "tweet.fields": "author_id,conversation_id,created_at,referenced_tweets,note_tweet,"
    "edit_history_tweet_ids,entities,in_reply_to_user_id,lang",
    "expansions": "author_id,attachments.media_keys",
    "user.fields": "name,username,public_metrics",
    "media.fields": "url,type",
}
_SILENCE_S = 45.0  # a blank line comes every 20 s


class Account(Record, frozen=True, kw_only=True):
    """One app, for one account."""

    brand: Brand = ""
    consumer_secret: Annotated[
        str, msgspec.Meta(description="The app's consumer secret, which proves X's calls.")
    ] = ""
    bearer: Annotated[
        str, msgspec.Meta(description="The bearer token, which reads the stream.")
    ] = ""
    user_id: Annotated[str, msgspec.Meta(description="The account's own id.")] = ""
    stream: Annotated[
        bool,
        msgspec.Meta(
            description="Whether Santral reads the filtered stream, instead of taking calls."
        ),
    ] = False
    answers_anybody: Annotated[
        bool, msgspec.Meta(description="Whether your contract with X allows answers to any post.")
    ] = False
    api: ApiAddress = "https://api.x.com"


class Reference(Record, frozen=True, kw_only=True):
    """A post that this one is about."""

    type: str = ""
    id: Text = ""


class Mention(Record, frozen=True, kw_only=True):
    """A mention, or a link."""

    id: Text = ""
    username: str | None = ""
    url: str | None = ""
    expanded_url: str | None = ""


class Entities(Record, frozen=True, kw_only=True):
    """What stands in a text."""

    mentions: tuple[Mention, ...] = ()
    urls: tuple[Mention, ...] = ()


class Note(Record, frozen=True, kw_only=True):
    """A long text."""

    text: str = ""
    entities: Entities | None = None


class Attached(Record, frozen=True, kw_only=True):
    """Which files a post has."""

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
    referenced_tweets: tuple[Reference, ...] = ()
    entities: Entities | None = None
    note_tweet: Note | None = None
    attachments: Attached | None = None
    lang: str | None = ""


class Metrics(Record, frozen=True, kw_only=True):
    """A person's reach."""

    followers_count: int | None = None


class User(Record, frozen=True, kw_only=True):
    """A person."""

    id: Text = ""
    name: str | None = ""
    username: str | None = ""
    public_metrics: Metrics | None = None


class File(Record, frozen=True, kw_only=True):
    """A picture or film."""

    media_key: str = ""
    type: str = ""
    url: str | None = ""


class Included(Record, frozen=True, kw_only=True):
    """What a post refers to."""

    users: tuple[User, ...] = ()
    media: tuple[File, ...] = ()


class Activity(Record, frozen=True, kw_only=True):
    """An event of the Activity API."""

    event_uuid: str = ""
    event_type: str = ""
    payload: msgspec.Raw = msgspec.Raw()
    includes: Included | None = None


class Body(Record, frozen=True, kw_only=True):
    """A webhook's body, or a line of a stream: `data` is an event or a post."""

    data: msgspec.Raw = msgspec.Raw()
    includes: Included | None = None
    errors: msgspec.Raw = msgspec.Raw()


class Stored(Record, frozen=True, kw_only=True):
    """A post with who and what it refers to, as the archive keeps it."""

    event: str = ""
    post: msgspec.Raw
    includes: Included = Included()


class X:
    """The channel, its hook and its stream."""

    name = "x"
    channel = "x"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "conversation"
    patient = False
    max_body = 2 * MIB
    account = Account
    takes = "posts that mention, answer or quote the account, and their edits"
    ignores = "reposts, likes, follows, our own posts, every other event"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        require_secret(settings.consumer_secret, "consumer_secret", "[channels.x.ACCOUNT]")
        return ("x-twitter-webhooks-signature",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of X's held, or the answer to its challenge."""
        secret = require_secret(
            settings.consumer_secret, "consumer_secret", "[channels.x.ACCOUNT]"
        ).encode()
        if request.method == "GET":
            token = request.query.get("crc_token", "")
            if not _CHALLENGE.fullmatch(token):
                raise Rejected("form.malformed", "crc_token is not one of X's challenges")
            told = {"response_token": f"sha256={_mark(secret, token.encode())}"}
            answer = WebhookResponse(
                body=msgspec.json.encode(told), content_type="application/json"
            )
            return WebhookResult(ignored=("handshake",), response=answer)
        told_mark = request.headers.get("x-twitter-webhooks-signature", "")
        if not told_mark:
            raise Rejected("signature.missing", "no x-twitter-webhooks-signature")
        if not request.body.startswith(b"{"):
            raise Rejected("json.malformed", "the body is not a JSON object")
        due = f"sha256={_mark(secret, request.body)}"
        if not hmac.compare_digest(told_mark.strip().encode("utf-8", "replace"), due.encode()):
            raise Rejected("signature.wrong", "x-twitter-webhooks-signature is not of these bytes")
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the post in a body, unless it is none for us."""
        told = decode_json(Body, body)
        if not bytes(told.data):
            return WebhookResult(ignored=("error" if bytes(told.errors) else "empty",))
        keys = decode_json(dict[str, msgspec.Raw], told.data).keys()
        if "event_type" not in keys:
            return self._kept("", told.data, told.includes)
        activity = decode_json(Activity, told.data)
        if activity.event_type not in _TAKEN:
            return WebhookResult(ignored=(_KINDS.get(activity.event_type, "other_event"),))
        includes = activity.includes or told.includes
        return self._kept(activity.event_type, activity.payload, includes)

    def _kept(self, event: str, post: msgspec.Raw, includes: Included | None) -> WebhookResult:
        try:
            tweet = decode_json(Tweet, post)
        except Rejected:
            return WebhookResult(
                deliveries=(bytes(post),)
            )  # its dead letter will tell what is wrong
        if any(r.type == "retweeted" for r in tweet.referenced_tweets):
            return WebhookResult(ignored=("repost",))
        stored = Stored(event=event, post=post, includes=includes or Included())
        return WebhookResult(deliveries=(msgspec.json.encode(stored),))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one stored post."""
        stored = decode_json(Stored, delivery.raw)
        told: Account = context.settings or Account()
        tweet = decode_json(Tweet, stored.post)
        if not tweet.id or not tweet.author_id:
            raise Rejected("json.invalid", "a post without id or author")
        if told.user_id and str(tweet.author_id) == told.user_id:
            raise Rejected("delivery.ignored", "our own")
        if stored.event == "post.delete":
            return _deleted(tweet, delivery, context)
        return _posted(tweet, stored, told, delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a picture: it lies at a public address."""
        return await web.get(ref, own=settings.api)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        if not settings.consumer_secret or settings.stream:
            return None
        return f"X: POST /2/webhooks with url {url}, then subscriptions for {', '.join(_TAKEN)}"

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the consumer secret."""
        return msgspec.structs.replace(settings, consumer_secret=value)

    def pulls(self, settings: Account) -> bool:
        """Say whether the filtered stream is read."""
        return bool(settings.stream and settings.bearer)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the filtered stream of one app."""
        return Stream(account, settings, context)


# X signs its challenge's answer and its calls with one key and one algorithm. Anybody can have a
# challenge signed, so that it must never be a valid body: no JSON object has only these characters.
_CHALLENGE = re.compile(r"[A-Za-z0-9_=-]{1,200}")
_KINDS = {"post.create": "post", "follow.follow": "follow", "like.create": "like"}


def _mark(secret: bytes, data: bytes) -> str:
    return base64.b64encode(hmac.new(secret, data, sha256).digest()).decode()


def _posted(
    tweet: Tweet, stored: Stored, told: Account, delivery: Delivery, context: Context[Account]
) -> Parsed:
    history = [str(i) for i in tweet.edit_history_tweet_ids] or [str(tweet.id)]
    event = None
    if history[0] != str(tweet.id):
        event = event_for("x", delivery, "edited", history[0])
    who = next((u for u in stored.includes.users if str(u.id) == str(tweet.author_id)), User())
    text = _text(tweet)
    keys = tweet.attachments.media_keys if tweet.attachments else ()
    files = [m for m in stored.includes.media if m.media_key in keys and m.url]
    parent = next((str(r.id) for r in tweet.referenced_tweets if r.type == "replied_to"), None)
    root = f"{tweet.conversation_id or history[0]}|{tweet.author_id}"
    name = who.username or "i"
    made = build_message(
        "x",
        delivery,
        context,
        native_id=str(tweet.id),
        root=root,
        kind="post",
        text=text,
        sender=Party(
            name=who.name or who.username or "",
            handles=(Handle(kind="handle", value=f"x:{tweet.author_id}"),),
        ),
        sent_at=parse_time(tweet.created_at),
        event=event,
        thread=(str(tweet.id),),
        reply_to=str(tweet.id),
        attachments=tuple(_attachment(f) for f in files),
        post=Post(
            url=f"https://x.com/{name}/status/{tweet.id}",
            parent=parent,
            author_reach=who.public_metrics.followers_count if who.public_metrics else None,
        ),
        answering=Answering(limit=LIMIT, public=True, forbidden=_forbidden(tweet, stored, told)),
    )
    media = tuple(Media(index=i, ref=f.url or "") for i, f in enumerate(files))
    return Parsed(message=made, media=media)


def _forbidden(tweet: Tweet, stored: Stored, told: Account) -> str:
    """Return why X would refuse an answer: its author did not mention or quote us."""
    asked = stored.event in ("post.mention.create", "post.quote.create")
    mentions = tweet.entities.mentions if tweet.entities else ()
    named = any(str(m.id) == told.user_id for m in mentions if told.user_id)
    if told.answers_anybody or asked or named or not told.user_id:
        return ""
    return "X lets apps answer only those who mention or quote the account"


def _text(tweet: Tweet) -> str:
    """Return the whole text, its links in full."""
    note = tweet.note_tweet
    text = html.unescape(note.text if note and note.text else tweet.text)
    found = (note.entities if note else None) or tweet.entities or Entities()
    for link in found.urls:
        if link.url and link.expanded_url:
            text = text.replace(link.url, link.expanded_url)
    return text


def _deleted(tweet: Tweet, delivery: Delivery, context: Context[Account]) -> Parsed:
    native = str(tweet.id)
    made = build_message(
        "x",
        delivery,
        context,
        native_id=f"{native}:deleted",
        kind="post",
        text="",
        root=f"{tweet.conversation_id or delivery.hint or native}|{tweet.author_id}",
        sender=Party(handles=(Handle(kind="handle", value=f"x:{tweet.author_id}"),)),
        event=event_for("x", delivery, "deleted", native),
    )
    return Parsed(message=made)


def _attachment(file: File) -> Attachment:
    kind = "image/jpeg" if file.type == "photo" else "application/octet-stream"
    return Attachment(name=file.type or "file", type=kind, size=0, sha256="")


class Stream:
    """The filtered stream, and the search that fills what it missed.

    What the stream sent comes no second time: it is kept on disk while Kafka is away.
    """

    patient = False

    def __init__(self, account: str, settings: Account, context: SourceContext) -> None:
        self._account, self._settings, self._context = account, settings, context
        self._name = f"x:{account}"
        self._taken: OrderedDict[str, None] = OrderedDict()

    async def run(self, accept: Accept, cursors: CursorStore) -> None:
        """Follow for ever; raise Retry when X can't be asked."""
        headers = {"authorization": f"Bearer {self._settings.bearer}"}
        query = urlencode(_FIELDS)
        url = f"{self._settings.api}/2/tweets/search/stream?{query}"
        held = await cursors.load(self._name)
        position = held.position if held else 0
        timeout = httpx2.Timeout(_SILENCE_S, connect=15.0)
        async with httpx2.AsyncClient(timeout=timeout, headers=headers) as client:
            try:
                async with client.stream("GET", url) as answer:
                    if answer.status_code != 200:
                        raise self._refused(answer)
                    if position:
                        position = await self._missed(client, position, accept, cursors)
                    async for line in answer.aiter_lines():
                        self._context.report_pass(self._name)
                        if line.strip():
                            position = await self._line(line.encode(), position, accept, cursors)
            except (httpx2.HTTPError, httpx2.StreamError, TimeoutError) as error:
                raise Retry(RECONNECT_S, f"X's stream: {type(error).__name__}") from error
        raise Retry(RECONNECT_S, "X ended the stream")

    async def _line(self, line: bytes, position: int, accept: Accept, cursors: CursorStore) -> int:
        try:
            taken = X().take(line)
        except Rejected as error:
            # Half a line where the stream ended: what it was comes again by the search.
            self._context.warn("stream.odd_line", source=self._name, why=error.code)
            return position
        for raw in taken.deliveries:
            try:
                number = int(decode_json(Tweet, decode_json(Stored, raw).post).id or 0)
            except (Rejected, ValueError):
                number = 0
            if str(number) in self._taken:
                continue
            await accept(Delivery(raw=raw, account=self._account, received_at=self._context.now()))
            self._taken[str(number)] = None
            while len(self._taken) > 10_000:
                self._taken.popitem(last=False)
            if number > position:
                position = number
                await cursors.save(
                    Cursor(source=self._name, epoch="id", position=position, at=self._context.now())
                )
        return position

    async def _missed(
        self, client: httpx2.AsyncClient, since: int, accept: Accept, cursors: CursorStore
    ) -> int:
        """Take what was posted while nobody listened: the account's own mentions."""
        if not self._settings.user_id:
            return since
        token, pages = "", list[bytes]()
        for _ in range(10):
            query = _FIELDS | {"since_id": str(since), "max_results": "100"}
            query |= {"pagination_token": token} if token else {}
            path = f"/2/users/{self._settings.user_id}/mentions?{urlencode(query)}"
            answer = await client.get(f"{self._settings.api}{path}")
            if answer.status_code != 200:
                raise self._refused(answer)
            page = decode_json(Page, answer.content)
            pages += [msgspec.json.encode(Line(data=t, includes=page.includes)) for t in page.data]
            token = str((page.meta or {}).get("next_token") or "")
            if not token:
                break
        for line in reversed(pages):
            since = await self._line(line, since, accept, cursors)
        return since

    def _refused(self, answer: httpx2.Response) -> Retry:
        now = self._context.now()
        if answer.status_code == 429:
            reset = parse_time(answer.headers.get("x-rate-limit-reset"))
            wait = (reset - now).total_seconds() if reset else 60.0
            return Retry(max(60.0, wait), "X's rate limit is used up")
        after = retry_after(answer.headers.get("retry-after", ""), now, RECOVERY_S)
        return Retry(after, f"X answered {answer.status_code}")


class Line(Record, frozen=True, kw_only=True):
    """A post of a page, as the stream would have sent it."""

    data: msgspec.Raw
    includes: Included | None = None


class Page(Record, frozen=True, kw_only=True):
    """A page of mentions, the newest first."""

    data: tuple[msgspec.Raw, ...] = ()
    includes: Included | None = None
    meta: dict[str, Text] | None = None
