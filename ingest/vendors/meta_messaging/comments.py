"""Makes a Message of a comment, a post or a mention, and fetches the text of a mention."""

from typing import Literal
from urllib.parse import quote

import msgspec

from ingest.channel import (
    Context,
    Delivery,
    Media,
    MediaClient,
    Notice,
    Parsed,
    build_message,
    event_for,
)
from ingest.parsing.json_values import decode_json, parse_time
from ingest.vendors.meta_messaging import wire
from ingest.vendors.meta_messaging.account import Account
from schemas.delays import BUSY_S
from schemas.errors import Rejected, Retry
from schemas.message import Answering, Attachment, Handle, Party, Post

_MENTIONS = ("mention", "mentions")
_MAX_COMMENT_CHARS: dict[wire.Product, int] = {"messenger": 8000, "instagram": 2200}
_EVENT_OF_VERB: dict[str, Literal["edited", "deleted"]] = {
    "edit": "edited",
    "edited": "edited",
    "remove": "deleted",
    "delete": "deleted",
}


def parse_comment(
    product: wire.Product,
    archived: wire.ArchivedMetaItem,
    delivery: Delivery,
    context: Context[Account],
) -> Parsed:
    """Return the Message of a comment, post or mention; raise Rejected."""
    item = decode_json(wire.PageComment, archived.item)
    own_id = str(item.comment_id or item.id or item.post_id or item.media_id or "")
    if not own_id:
        raise Rejected("json.invalid", "a comment without its id - at `$.comment_id`")
    author = item.sender or wire.MetaProfile(id=item.sender_id, name=item.sender_name)
    author_id = str(author.id or "")
    parent, post = str(item.parent_id or ""), str(item.post_id or "")
    top = own_id if parent in ("", post) else parent
    time = item.created_time if item.created_time is not None else archived.time
    # A mention comes without its text, and the comment itself may come later with the text.
    native_id = f"mention:{own_id}" if archived.field in _MENTIONS else own_id
    kind, event = _EVENT_OF_VERB.get(item.verb), None
    if kind is not None:
        native_id = f"{own_id}:{item.verb}:{archived.time or time}"
        event = event_for(product, delivery, kind, own_id)
    text = item.message or item.text or ""
    ref = "" if text or event else _mention_ref(archived, item, context.settings or Account())
    message = build_message(
        product,
        delivery,
        context,
        native_id=native_id,
        root=f"{top}/{author_id}",
        kind="post",
        sender=_party(product, author),
        text=text,
        sent_at=parse_time(time),
        event=event,
        thread=(own_id,),
        reply_to=_reply_address(product, archived, item, own_id),
        post=Post(
            url=item.post.permalink_url if item.post else None, parent=parent or post or None
        ),
        answering=Answering(limit=_MAX_COMMENT_CHARS[product], public=True),
        attachments=_photo(item),
        repaired=() if text or event or item.photo or item.video else ("text.not_told",),
        full_text="\n".join(t for t in (text, _film(item)) if t),
    )
    return Parsed(
        notice=Notice(ref=ref) if ref else None,
        message=message,
        media=(Media(index=0, ref=item.photo),) if item.photo else (),
    )


def _party(product: wire.Product, author: wire.MetaProfile) -> Party:
    handle = str(author.id or "") or (f"@{author.username}" if author.username else "")
    handles = (Handle(kind="handle", value=f"{product}:{handle}"),) if handle else ()
    return Party(name=author.name or author.username or "", handles=handles)


def _reply_address(
    product: wire.Product, archived: wire.ArchivedMetaItem, item: wire.PageComment, own_id: str
) -> str:
    """Return the target of an answer, which differs for a mention under another's post."""
    if product == "instagram" and archived.field == "mentions":
        return f"mention:{archived.ours}/{item.media_id or ''}/{item.comment_id or ''}"
    return f"comment:{own_id}"


def _mention_ref(archived: wire.ArchivedMetaItem, item: wire.PageComment, settings: Account) -> str:
    """Return the path and fields that fetch a mention, empty without a token."""
    if archived.field not in _MENTIONS or not settings.token:
        return ""
    if archived.field == "mention":
        return f"{item.comment_id or item.post_id}?fields=message,from,created_time,permalink_url"
    kind, value, fields = (
        ("comment", item.comment_id, "id,text,timestamp,username")
        if item.comment_id
        else ("media", item.media_id, "id,caption,timestamp,username,permalink")
    )
    return f"{archived.ours}?fields=mentioned_{kind}.{kind}_id({value}){{{fields}}}"


async def fetch_mention(ref: str, raw: bytes, settings: Account, web: MediaClient) -> bytes:
    """Return an archived mention with the content that the Graph API has of it."""
    node, _, fields = ref.partition("?fields=")
    url = f"{settings.api}/{quote(node, safe='')}?fields={quote(fields, safe='')}"
    secret = {"authorization": f"Bearer {settings.token}"}
    try:
        response = await web.get(url, own=settings.api, secret=secret)
        mention = decode_json(wire.MentionContent, response)
    except Rejected as error:
        if error.code.startswith("json."):
            raise Retry(BUSY_S, f"Meta's answer can't be read: {error.text}") from error
        raise
    content = mention.mentioned_comment or mention.mentioned_media or mention
    archived = decode_json(wire.ArchivedMetaItem, raw)
    sender = content.sender
    if sender is None and content.username:
        sender = wire.MetaProfile(username=content.username)
    fetched: dict[str, object] = {
        "message": content.message or content.text or content.caption,
        "from": sender,
        "created_time": content.created_time or content.timestamp,
        "post": wire.ParentPost(permalink_url=content.permalink_url or content.permalink),
    }
    item = {
        **decode_json(dict[str, msgspec.Raw], archived.item),
        **{field: value for field, value in fetched.items() if value},
    }
    result = msgspec.structs.replace(archived, item=msgspec.Raw(msgspec.json.encode(item)))
    return msgspec.json.encode(result)


def _photo(item: wire.PageComment) -> tuple[Attachment, ...]:
    if not item.photo:
        return ()
    return (Attachment(name="photo", type="image/jpeg", size=0, sha256=""),)


def _film(item: wire.PageComment) -> str:
    return item.video or (item.link if item.link and item.link != item.photo else "") or ""
