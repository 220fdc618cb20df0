"""Complaint sites and forums: a feed, a JSON address, or the site's webhook.

Before: a site publishes, or calls /v1/hooks/complaint/ACCOUNT. After: accept publishes. What a
site calls its fields is said in the settings. Calls are proven by Standard Webhooks, or by an HMAC
in a header. Source: RFC 4287, RSS 2.0 (feedparser); standardwebhooks.com.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import urljoin, urlsplit

import msgspec

from ingest.channel import Context, Delivery, HintKind, Parsed, build_message
from ingest.parsing.complaint_feed import Entry, parse_feed
from ingest.parsing.html.text import to_text
from ingest.parsing.json_values import decode_json, parse_time
from ingest.source import Source, SourceContext
from ingest.sources.polling import (
    MAX_PAGES,
    ArchivedItem,
    PolledItem,
    PolledSource,
    VendorClient,
    archived_item,
    content_hash,
    identify_version,
    star_rating,
)
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    check_timestamp,
    require_secret,
)
from schemas.account_fields import Brand
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party, Post
from schemas.text.fold import fold

WINDOW = timedelta(minutes=5)


class Fields(Record, frozen=True, kw_only=True):
    """The site's own names for things, as paths with dots."""

    items: Annotated[
        str, msgspec.Meta(description="The path of the list; empty looks for it in the body.")
    ] = ""
    id: Annotated[str, msgspec.Meta(description="The path of the id.")] = "id"
    title: Annotated[str, msgspec.Meta(description="The path of the title.")] = "title"
    text: Annotated[str, msgspec.Meta(description="The path of the text.")] = "text"
    author: Annotated[str, msgspec.Meta(description="The path of the author's name.")] = "author"
    author_id: Annotated[str, msgspec.Meta(description="The path of the author's id.")] = ""
    url: Annotated[str, msgspec.Meta(description="The path of the address.")] = "url"
    created: Annotated[str, msgspec.Meta(description="The path of the time of writing.")] = (
        "created_at"
    )
    updated: Annotated[
        str, msgspec.Meta(description="The path of the time of the last change.")
    ] = "updated_at"
    rating: Annotated[str, msgspec.Meta(description="The path of the stars.")] = "rating"
    thread: Annotated[
        str, msgspec.Meta(description="The path of the complaint that an entry belongs to.")
    ] = ""
    next: Annotated[str, msgspec.Meta(description="The path of the next page's address.")] = ""


class Account(Record, frozen=True, kw_only=True):
    """One complaint site or forum: a feed, a JSON list, or its own calls."""

    brand: Brand = ""
    feed: Annotated[str, msgspec.Meta(description="The address of an RSS or Atom feed.")] = ""
    api: Annotated[str, msgspec.Meta(description="The address of a JSON list.")] = ""
    api_headers: Annotated[
        dict[str, str], msgspec.Meta(description="Headers of a request to `api`, such as a key.")
    ] = msgspec.field(default_factory=dict)
    secret: Annotated[
        str,
        msgspec.Meta(
            description=(
                "The secret that proves the site's calls: `whsec_…` by Standard Webhooks, "
                "any other as an HMAC."
            )
        ),
    ] = ""
    signature_header: Annotated[str, msgspec.Meta(description="The header with the HMAC.")] = (
        "x-signature"
    )
    fields: Fields = Fields()
    most_stars: Annotated[
        int, msgspec.Meta(description="The highest rating of the site, which counts as 1.")
    ] = 5
    keywords: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Words of which an entry must have one; none takes every entry."),
    ] = ()
    poll: Annotated[
        timedelta, msgspec.Meta(description="The time between two passes over `feed` or `api`.")
    ] = timedelta(minutes=5)
    answering: Annotated[
        str,
        msgspec.Meta(description="The sentence that the desk shows instead of a form for answers."),
    ] = "the site takes no answer by us: answer on its own page"


class Complaint:
    """The channel, its hook and its poll."""

    name = "complaint"
    channel = "complaint"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = 8 * MIB
    account = Account
    takes = "entries of a feed or a JSON list, and calls of the site, with their later versions"
    ignores = "entries without any of the keywords, where the account has some"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return where the proof is."""
        secret = require_secret(settings.secret, "secret", "[channels.complaint.ACCOUNT]")
        return (
            ("webhook-signature",)
            if secret.startswith("whsec_")
            else (settings.signature_header.lower(),)
        )

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return what a call of the site's held."""
        secret = require_secret(settings.secret, "secret", "[channels.complaint.ACCOUNT]")
        if secret.startswith("whsec_"):
            _standard(request, secret, context.now)
        else:
            _marked(request, secret, settings.signature_header.lower())
        context.report_proven()
        return _taken(request.body, settings)

    def take(self, body: bytes) -> WebhookResult:
        """Return the complaints in a captured feed or JSON, by the default names of fields."""
        return _taken(body, Account())

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one entry."""
        told: Account = context.settings or Account()
        kept = archived_item(delivery.raw)
        entry = decode_json(Entry, kept.item)
        whole = fold(f"{entry.title}\n{entry.text}")
        if told.keywords and not any(fold(k).strip() in whole for k in told.keywords):
            raise Rejected("delivery.ignored", "none of the keywords")
        who = entry.author_id or entry.author
        handles = (Handle(kind="handle", value=f"complaint:{who}"[:512]),) if who else ()
        native, event = identify_version("complaint", delivery, entry.id, kept.version)
        root = f"{entry.thread}|{who}" if entry.thread else entry.id
        return Parsed(
            message=build_message(
                "complaint",
                delivery,
                context,
                native_id=native,
                root=root,
                kind="post" if entry.rating is None else "review",
                subject=entry.title,
                text=entry.text or entry.title,
                event=event,
                sender=Party(name=entry.author, handles=handles),
                sent_at=parse_time(entry.updated if event else entry.created or entry.updated),
                post=Post(url=entry.url or None, rating=entry.rating),
                answering=Answering(forbidden=told.answering, public=True),
            )
        )

    def setup(self, settings: Account, url: str) -> str | None:
        """Return what to set up."""
        return f"the complaint site: webhook address {url}" if settings.secret else None

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the webhook's secret."""
        return msgspec.structs.replace(settings, secret=value)

    def pulls(self, settings: Account) -> bool:
        """Say whether a feed or an address is asked."""
        return bool(settings.feed or settings.api)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the poll of one site."""
        return PolledSource("complaint", account, settings, context, Sites().items)


def _standard(request: WebhookRequest, secret: str, now: datetime) -> None:
    """Raise Rejected unless the call is signed as Standard Webhooks has it."""
    number, stamp = (
        request.headers.get("webhook-id", ""),
        request.headers.get("webhook-timestamp", ""),
    )
    told = request.headers.get("webhook-signature", "")
    if not (number and stamp and told):
        raise Rejected("signature.missing", "no webhook-id, webhook-timestamp, webhook-signature")
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"))
    except (binascii.Error, ValueError) as error:
        raise Rejected("signature.unset", "`secret` is not whsec_ and base64") from error
    signed = f"{number}.{stamp}.".encode("utf-8", "replace") + request.body
    due = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    marks = [m.partition(",") for m in told.split()]
    given = [v.encode("utf-8", "replace") for version, _, v in marks if version == "v1"]
    if not any(hmac.compare_digest(due, v) for v in given):
        raise Rejected("signature.wrong", "webhook-signature is not of these bytes")
    check_timestamp(stamp, now, WINDOW, "webhook-timestamp")


def _marked(request: WebhookRequest, secret: str, header: str) -> None:
    """Raise Rejected unless a header holds the body's HMAC-SHA256, in hex or base64."""
    told = request.headers.get(header, "").strip()
    if not told:
        raise Rejected("signature.missing", f"no {header}")
    value = told.removeprefix("sha256=").encode("utf-8", "replace")
    made = hmac.new(secret.encode(), request.body, hashlib.sha256).digest()
    fits = (
        hmac.compare_digest(value.lower(), made.hex().encode()),
        hmac.compare_digest(value, base64.b64encode(made)),
    )
    if not any(fits):
        raise Rejected("signature.wrong", f"{header} is not of these bytes")


def _taken(body: bytes, settings: Account) -> WebhookResult:
    entries: Sequence[Entry | dict[str, Any]]
    entries = (
        parse_feed(body, settings.feed) if body.lstrip()[:1] == b"<" else listed(body, settings)
    )
    if not entries:
        return WebhookResult(ignored=("empty",))
    made = []
    for item in map(_item, entries):
        # A call tells of a complaint, or of its later words: which one, nobody says.
        made += [
            msgspec.json.encode(ArchivedItem(version=v, item=msgspec.Raw(item.raw)))
            for v in dict.fromkeys(("", item.version if _later(item.raw) else ""))
        ]
    return WebhookResult(deliveries=tuple(made))


def _later(raw: bytes) -> bool:
    try:
        return bool(decode_json(Entry, raw).updated)
    except Rejected:
        return False


def listed(body: bytes, settings: Account) -> list[Entry | dict[str, Any]]:
    """Return the items of a JSON body, by the names the site gives its fields.

    What has no id stays as it is: its dead letter will tell.
    """
    told = decode_json(Any, body)
    names = settings.fields
    items = at(told, names.items) if names.items else told
    if isinstance(items, dict) and not names.items:
        inner = [
            v
            for k in ("items", "data", "complaints", "results", "content")
            if isinstance(v := items.get(k), list)
        ]
        items = inner[0] if inner else [items]
    if not isinstance(items, list):
        raise Rejected("json.invalid", f"no list at {names.items!r}")
    return [_entry(one, settings) or one for one in items if isinstance(one, dict)]


def at(told: Any, path: str) -> Any:
    """Return what lies at a path of names and numbers, None when there is nothing."""
    for name in path.split(".") if path else ():
        if isinstance(told, dict):
            told = told.get(name)
        elif isinstance(told, list) and name.isdigit() and int(name) < len(told):
            told = told[int(name)]
        else:
            return None
    return told


def _entry(one: dict[str, Any], settings: Account) -> Entry | None:
    names = settings.fields

    def text(path: str) -> str:
        found = at(one, path) if path else None
        told = "" if found is None or isinstance(found, dict | list) else str(found)
        return told.encode("utf-8", "replace").decode()

    number = text(names.id)
    if not number:
        return None
    body = text(names.text)
    created, updated = text(names.created), text(names.updated)
    return Entry(
        id=number,
        title=text(names.title),
        text=to_text(body) if "</" in body else body,
        author=text(names.author),
        author_id=text(names.author_id),
        url=text(names.url),
        created=created,
        updated=updated if updated != created else "",
        thread=text(names.thread),
        rating=star_rating(at(one, names.rating), settings.most_stars) if names.rating else None,
    )


class Sites:
    """Lists what a site has: its feed with the validators of the last time, or its JSON pages."""

    def __init__(self) -> None:
        self._validators: dict[str, str] = {}

    async def items(self, settings: Account, client: VendorClient) -> AsyncIterator[PolledItem]:
        """Yield every entry; the validators count only once all of them are safe."""
        if settings.feed:
            headers = {"user-agent": "santral", **self._validators}
            found = await client.request("GET", settings.feed, also=(304, 410), headers=headers)
            if found.status == 200:
                for one in await asyncio.to_thread(parse_feed, found.body, settings.feed):
                    yield _item(one)
                told = {
                    "if-none-match": found.headers.get("etag", ""),
                    "if-modified-since": found.headers.get("last-modified", ""),
                }
                self._validators = {k: v for k, v in told.items() if v}
        if settings.api:
            address = settings.api
            for _ in range(MAX_PAGES):
                body = await client.get(address, headers=settings.api_headers)
                for entry in listed(body, settings):
                    yield _item(entry)
                if not settings.fields.next:
                    break
                following = at(decode_json(Any, body), settings.fields.next)
                if not isinstance(following, str) or not following:
                    break
                address = urljoin(address, following)
                if urlsplit(address)[:2] != urlsplit(settings.api)[:2]:
                    break  # the key goes to the site it was given for, and to no other


def _item(entry: Entry | dict[str, Any]) -> PolledItem:
    if isinstance(entry, dict):
        raw = msgspec.json.encode(entry)
        return PolledItem(id=hashlib.sha256(raw).hexdigest(), raw=raw)
    version = content_hash(entry.title, entry.text, entry.rating)
    at_ = parse_time(entry.created)
    return PolledItem(id=entry.id, raw=msgspec.json.encode(entry), version=version, created_at=at_)
