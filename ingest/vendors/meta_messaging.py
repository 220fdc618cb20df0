"""Messenger and Instagram: direct messages, and comments and mentions in public.

Before: the channel proved a call. After: accept publishes. What a page writes itself comes back as
an echo and is no message; a thread that another app owns (`standby`) is not ours to answer.
Source: developers.facebook.com, Messenger Platform, Page and Instagram webhooks.
"""

from datetime import timedelta
from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec

from ingest.channel import Context, Delivery, Media, MediaClient, Notice, Parsed, build_message
from ingest.parsing.json_values import Text, decode_json, is_present, parse_time, split_url
from ingest.vendors import meta_webhook
from ingest.webhook import WebhookResult
from schemas.account_fields import ApiAddress, Brand
from schemas.base import Record, message_id
from schemas.delays import BUSY_S
from schemas.errors import Rejected, Retry
from schemas.message import Answering, Attachment, Event, Handle, Party, Post

WINDOW = timedelta(hours=24)
PEOPLE_WINDOW = timedelta(days=7)
"""How long people may answer with the tag HUMAN_AGENT, which Meta grants an app."""

Name = Literal["messenger", "instagram"]


class Account(Record, frozen=True, kw_only=True):
    """One app and the Page or account that it serves."""

    brand: Brand = ""
    app_secret: Annotated[
        str, msgspec.Meta(description="The app's secret, which proves Meta's calls.")
    ] = ""
    token: Annotated[
        str, msgspec.Meta(description="The access token, which fetches the text of a mention.")
    ] = ""
    api: ApiAddress = "https://graph.facebook.com/v25.0"
    verify_token: Annotated[
        str, msgspec.Meta(description="A word of your choice, which Meta sends once at the set-up.")
    ] = ""
    human_agent: Annotated[
        bool,
        msgspec.Meta(
            description="Whether Meta granted the app the permission to answer for seven days."
        ),
    ] = False


class Stored(Record, frozen=True, kw_only=True):
    """One item with what stood around it, as the archive keeps it."""

    ours: str
    place: Literal["messaging", "standby", "comment"]
    field: str = ""
    time: Text = None
    item: msgspec.Raw


class Who(Record, frozen=True, kw_only=True):
    """A person or a page."""

    id: Text = ""
    name: str | None = ""
    username: str | None = ""
    self_ig_scoped_id: Text = None


class Payload(Record, frozen=True, kw_only=True):
    """What an attachment points to."""

    url: str | None = ""
    title: str | None = ""
    story_media_url: str | None = ""
    coordinates: dict[str, Text] | None = None


class Attached(Record, frozen=True, kw_only=True):
    """A file, a place, or something shared."""

    type: str = ""
    title: str | None = ""
    url: str | None = ""
    payload: Payload | None = None


class Story(Record, frozen=True, kw_only=True):
    """A story that is answered."""

    url: str | None = ""
    id: Text = ""


class Answered(Record, frozen=True, kw_only=True):
    """What a message answers."""

    mid: str | None = ""
    story: Story | None = None


class Tap(Record, frozen=True, kw_only=True):
    """A quick reply or a postback."""

    payload: str | None = ""
    title: str | None = ""
    mid: str | None = ""


class Words(Record, frozen=True, kw_only=True):
    """A direct message."""

    mid: str = ""
    text: str | None = ""
    attachments: tuple[Attached, ...] | None = ()
    reply_to: Answered | None = None
    is_echo: bool = False
    is_deleted: bool = False
    is_unsupported: bool = False
    app_id: Text = None


class Touch(Record, frozen=True, kw_only=True):
    """A reaction to a message, or an edit of it."""

    mid: str = ""
    text: str | None = None
    num_edit: Text = 0
    emoji: str | None = ""
    action: str | None = ""


class Direct(Record, frozen=True, kw_only=True):
    """One entry of `messaging`."""

    sender: Who = Who()
    recipient: Who = Who()
    timestamp: Text = None
    message: Words | None = None
    postback: Tap | None = None
    reaction: Touch | None = None
    message_edit: Touch | None = None
    read: msgspec.Raw = msgspec.Raw()
    delivery: msgspec.Raw = msgspec.Raw()
    optin: msgspec.Raw = msgspec.Raw()
    referral: msgspec.Raw = msgspec.Raw()


class Link(Record, frozen=True, kw_only=True):
    """The post under which something was said."""

    permalink_url: str | None = None


class Comment(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A comment, a visitor's post, or a mention."""

    id: Text = ""
    comment_id: Text = ""
    post_id: Text = ""
    parent_id: Text = ""
    sender: Who | None = None
    sender_id: Text = ""
    sender_name: str | None = ""
    item: str = ""
    verb: str = ""
    message: str | None = ""
    text: str | None = ""
    created_time: Text = None
    media: Who | None = None
    media_id: Text = ""
    photo: str | None = None
    video: str | None = None
    link: str | None = None
    post: Link | None = None


class Said(Record, frozen=True, kw_only=True, rename={"sender": "from"}):
    """What Meta knows of a comment or a post: each product has its own names for it."""

    message: str | None = None
    text: str | None = None
    caption: str | None = None
    sender: Who | None = None
    username: str | None = None
    created_time: Text = None
    timestamp: Text = None
    permalink_url: str | None = None
    permalink: str | None = None


class Mentioned(Said, frozen=True, kw_only=True, rename={"sender": "from"}):
    """The answer to a question for a mention."""

    mentioned_comment: Said | None = None
    mentioned_media: Said | None = None


def take(body: bytes, kind: str) -> WebhookResult:
    """Return the items of a body, and why others are none."""
    made: list[bytes] = []
    ignored: list[str] = []

    def keep(entry: meta_webhook.Entry, place: str, field: str, item: msgspec.Raw) -> None:
        ours = str(entry.id or "")
        why = _no_message(place, field, item, ours)
        if why:
            ignored.append(why)
            return
        stored = Stored(
            ours=ours,
            place=place,  # type: ignore[arg-type]  # one of the three below
            field=field,
            time=entry.time,
            item=item,
        )
        made.append(msgspec.json.encode(stored))

    entries, bad = meta_webhook.entries(body, (kind,))
    made += bad
    for entry in entries:
        for item in entry.messaging:
            keep(entry, "messaging", "", item)
        for item in entry.standby:
            keep(entry, "standby", "", item)
        changes, bad = meta_webhook.changes(entry)
        made += bad
        for change in changes:
            # The dashboard's test button sends a direct message as a change.
            place = "messaging" if change.field == "messages" else "comment"
            keep(entry, place, change.field, change.value)
    return WebhookResult(deliveries=tuple(made), ignored=tuple(ignored))


def _no_message(place: str, field: str, item: msgspec.Raw, ours: str) -> str:
    """Return why an item is none; empty when it is one, or when the parser has to tell."""
    try:
        if place != "comment":
            return _no_direct(decode_json(Direct, item), ours)
        if field not in ("feed", "mention", "comments", "live_comments", "mentions"):
            return "other_field"
        return _no_comment(field, decode_json(Comment, item), ours)
    except Rejected:
        return ""


def _no_direct(item: Direct, ours: str) -> str:
    if (item.message and item.message.is_echo) or (ours and str(item.sender.id) == ours):
        return "echo"
    edit = item.message_edit
    if edit is not None and (edit.text is None or str(edit.num_edit) == "0"):
        return "edit_without_text"  # Instagram tells of new messages so, without their words
    if item.message or item.postback or item.reaction or edit:
        return ""
    for kind in ("read", "delivery", "optin", "referral"):
        if is_present(getattr(item, kind)):
            return "receipt" if kind in ("read", "delivery") else kind
    return "other_kind"


def _no_comment(field: str, item: Comment, ours: str) -> str:
    if item.sender and item.sender.self_ig_scoped_id:
        return "echo"
    if ours and ours in (str(item.sender.id) if item.sender else "", str(item.sender_id or "")):
        return "echo"
    if field == "feed":
        kinds = ("comment", "post", "status", "photo", "video")
        if item.item not in kinds and not (item.item == "share" and item.message):
            return "reaction" if item.item in ("reaction", "like") else "other_kind"
        if item.verb not in ("", "add", "edit", "edited", "remove", "delete"):
            return "other_verb"
    return ""


def parse(name: Name, delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of one stored item."""
    told = decode_json(Stored, delivery.raw)
    if told.place == "comment":
        return _comment(name, told, decode_json(Comment, told.item), delivery, context)
    return _direct(name, told, decode_json(Direct, told.item), delivery, context)


def _direct(
    name: Name, told: Stored, item: Direct, delivery: Delivery, context: Context[Account]
) -> Parsed:
    who, ours = str(item.sender.id or ""), str(item.recipient.id or "") or told.ours
    if not who:
        raise Rejected("json.invalid", "nobody wrote it - at `$.sender.id`")
    sent_at = parse_time(item.timestamp)
    native, event, text = _told(name, item, delivery.account)
    attached = (item.message.attachments or ()) if item.message else ()
    files = [a for a in attached if _is_file(a)]
    story = item.message.reply_to.story if item.message and item.message.reply_to else None
    about = f"[story {story.url or story.id}]" if story else ""
    shown = "\n".join(t for t in (text, *(_shown(a) for a in attached), about) if t)
    window = PEOPLE_WINDOW if (context.settings or Account()).human_agent else WINDOW
    quoted = item.message.reply_to if item.message else None
    made = build_message(
        name,
        delivery,
        context,
        native_id=native,
        root=f"{ours}/{who}",
        kind="chat",
        sender=Party(handles=(Handle(kind="handle", value=f"{name}:{who}"),)),
        recipients=(Party(handles=(Handle(kind="handle", value=f"{name}:{ours}"),)),),
        text=text,
        full_text=shown,
        sent_at=sent_at,
        event=event,
        attachments=tuple(_attachment(a) for a in files),
        thread=tuple(t for t in (quoted.mid if quoted else "", native) if t),
        reply_to=f"{ours}/{who}",
        answering=Answering(
            until=(sent_at or delivery.received_at) + window,
            limit=2000 if name == "messenger" else 1000,
            unit="characters" if name == "messenger" else "bytes",
            forbidden="another app answers this thread" if told.place == "standby" else "",
        ),
        repaired=() if shown or event or files else ("content.unsupported",),
    )
    media = tuple(Media(index=i, ref=_url(a)) for i, a in enumerate(files))
    return Parsed(message=made, media=media)


def _told(name: Name, item: Direct, account: str) -> tuple[str, Event | None, str]:
    """Return the native id, what it touches, and the words of a direct message."""

    def touched(kind: Literal["edited", "deleted", "reaction"], mid: str) -> Event:
        if not mid:
            raise Rejected("json.invalid", f"{kind}, and it is not said what")
        return Event(kind=kind, of=message_id(name, f"{name}:{account}", mid))

    at = str(item.timestamp or "")
    if item.message_edit:
        mid, number = item.message_edit.mid, item.message_edit.num_edit
        return f"{mid}:edit:{number}", touched("edited", mid), item.message_edit.text or ""
    if item.reaction:
        mid = item.reaction.mid
        return f"{mid}:reaction:{at}", touched("reaction", mid), item.reaction.emoji or ""
    if item.postback:
        words = item.postback.title or item.postback.payload or ""
        return item.postback.mid or f"{item.sender.id}:{at}:postback", None, words
    message = item.message or Words()
    if not message.mid:
        raise Rejected("json.invalid", "a message without its id - at `$.message.mid`")
    if message.is_deleted:
        return f"{message.mid}:deleted", touched("deleted", message.mid), ""
    return message.mid, None, message.text or ""


def _url(attached: Attached) -> str:
    payload = attached.payload or Payload()
    return payload.url or payload.story_media_url or attached.url or ""


def _is_file(attached: Attached) -> bool:
    kinds = (
        "image",
        "video",
        "audio",
        "file",
        "story_mention",
        "ig_story",
        "reel",
        "ig_reel",
        "sticker",
    )
    return attached.type in kinds and _url(attached).startswith("https://")


def _shown(attached: Attached) -> str:
    """Return how something shared is shown: a link, a place, the caption of a film."""
    payload = attached.payload or Payload()
    if _is_file(attached):
        return payload.title or ""
    place = ",".join(str(v) for v in (payload.coordinates or {}).values())
    title = attached.title or payload.title
    return " ".join(t for t in (title, place or _url(attached)) if t) or f"[{attached.type[:40]}]"


def _attachment(attached: Attached) -> Attachment:
    kind = {"image": "image/jpeg", "video": "video/mp4", "audio": "audio/mp4"}.get(
        attached.type, "application/octet-stream"
    )
    name = PurePosixPath(split_url(_url(attached)).path).name
    name = name if "." in name else attached.type
    return Attachment(name=name, type=kind, size=0, sha256="")


def _comment(
    name: Name, told: Stored, item: Comment, delivery: Delivery, context: Context[Account]
) -> Parsed:
    own = str(item.comment_id or item.id or item.post_id or item.media_id or "")
    if not own:
        raise Rejected("json.invalid", "a comment without its id - at `$.comment_id`")
    who = item.sender or Who(id=item.sender_id, name=item.sender_name)
    person = str(who.id or "")
    parent, post = str(item.parent_id or ""), str(item.post_id or "")
    top = own if parent in ("", post) else parent
    at = item.created_time if item.created_time is not None else told.time
    verb = {"edit": "edited", "edited": "edited", "remove": "deleted", "delete": "deleted"}.get(
        item.verb
    )
    # A mention comes without its words: the comment itself may still come with them.
    event, native = None, f"mention:{own}" if told.field in ("mention", "mentions") else own
    if verb is not None:
        native = f"{own}:{item.verb}:{told.time or at}"
        event = Event(kind=verb, of=message_id(name, f"{name}:{delivery.account}", own))  # type: ignore[arg-type]  # one of the two above
    text = item.message or item.text or ""
    called = person or (f"@{who.username}" if who.username else "")
    handles = (Handle(kind="handle", value=f"{name}:{called}"),) if called else ()
    ref = "" if text or event else _to_ask(told, item, context.settings or Account())
    return Parsed(
        notice=Notice(ref=ref) if ref else None,
        message=build_message(
            name,
            delivery,
            context,
            native_id=native,
            root=f"{top}/{person}",
            kind="post",
            sender=Party(name=who.name or who.username or "", handles=handles),
            text=text,
            sent_at=parse_time(at),
            event=event,
            thread=(own,),
            reply_to=_place(name, told, item, own),
            post=Post(
                url=item.post.permalink_url if item.post else None, parent=parent or post or None
            ),
            answering=Answering(limit=8000 if name == "messenger" else 2200, public=True),
            attachments=_photo(item),
            repaired=() if text or event or item.photo or item.video else ("text.not_told",),
            full_text="\n".join(t for t in (text, _film(item)) if t),
        ),
        media=(Media(index=0, ref=item.photo),) if item.photo else (),
    )


def _place(name: Name, told: Stored, item: Comment, own: str) -> str:
    """Return where an answer goes: a mention under somebody else's post has a way of its own."""
    if name == "instagram" and told.field == "mentions":
        return f"mention:{told.ours}/{item.media_id or ''}/{item.comment_id or ''}"
    return f"comment:{own}"


def _to_ask(told: Stored, item: Comment, settings: Account) -> str:
    """Return by what the words of a mention are asked for; empty when they can't be."""
    if told.field not in ("mention", "mentions") or not settings.token:
        return ""
    if told.field == "mention":
        return f"{item.comment_id or item.post_id}?fields=message,from,created_time,permalink_url"
    what, value, fields = (
        ("comment", item.comment_id, "id,text,timestamp,username")
        if item.comment_id
        else ("media", item.media_id, "id,caption,timestamp,username,permalink")
    )
    return f"{told.ours}?fields=mentioned_{what}.{what}_id({value}){{{fields}}}"


async def resolve_notice(ref: str, raw: bytes, settings: Account, web: MediaClient) -> bytes:
    """Return a mention with the words that Meta has of it."""
    node, _, fields = ref.partition("?fields=")
    url = f"{settings.api}/{quote(node, safe='')}?fields={quote(fields, safe='')}"
    secret = {"authorization": f"Bearer {settings.token}"}
    try:
        found = decode_json(Mentioned, await web.get(url, own=settings.api, secret=secret))
    except Rejected as error:
        if error.code.startswith("json."):
            raise Retry(BUSY_S, f"Meta's answer can't be read: {error.text}") from error
        raise
    said = found.mentioned_comment or found.mentioned_media or found
    told = decode_json(Stored, raw)
    more: dict[str, object] = {
        "message": said.message or said.text or said.caption,
        "from": said.sender or (Who(username=said.username) if said.username else None),
        "created_time": said.created_time or said.timestamp,
        "post": Link(permalink_url=said.permalink_url or said.permalink),
    }
    item = {
        **decode_json(dict[str, msgspec.Raw], told.item),
        **{k: v for k, v in more.items() if v},
    }
    made = msgspec.structs.replace(told, item=msgspec.Raw(msgspec.json.encode(item)))
    return msgspec.json.encode(made)


def _photo(item: Comment) -> tuple[Attachment, ...]:
    if not item.photo:
        return ()
    return (Attachment(name="photo", type="image/jpeg", size=0, sha256=""),)


def _film(item: Comment) -> str:
    return item.video or (item.link if item.link and item.link != item.photo else "") or ""


def setup(settings: Account, url: str, product: str, fields: str) -> str | None:
    """Return what to set up for an account."""
    if not settings.app_secret:
        return None
    return (
        f"Meta: app dashboard, {product}, Webhooks: callback URL {url}, the verify token as in "
        f"`verify_token`, fields {fields}"
    )
