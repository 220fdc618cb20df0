"""Makes a Message of a post that mentions the account, of its edit or of its deletion."""

import re

from ingest.channel import Context, Delivery, Media, Parsed, build_message, event_for
from ingest.channels.mastodon import wire
from ingest.channels.mastodon.account import DEFAULT_POST_CHARS, Account
from ingest.channels.mastodon.events import author_of, read_event
from ingest.parsing.html.text import to_text
from ingest.parsing.json_values import parse_time, split_url
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Handle, Party, Post

_MAX_NAME_CHARS = 100  # a picture's description may be a paragraph
_LINK = re.compile(
    r'<a\b[^>]{0,1000}?\bhref="([^"]{0,2000})"[^>]{0,500}>(.{0,1000}?)</a>', re.DOTALL
)
_MENTION = re.compile(r'class="[^"]*\b(?:mention|hashtag)\b')
_TYPE_OF_KIND = {
    "image": "image/jpeg",
    "gifv": "video/mp4",
    "video": "video/mp4",
    "audio": "audio/mpeg",
}


def parse_event(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of one event; raise Rejected."""
    event = read_event(delivery.raw)
    if event.kind == "deleted":
        return _parse_deletion(event, delivery, context)
    return _parse_post(event, delivery, context)


def _parse_post(
    archived: wire.ArchivedEvent, delivery: Delivery, context: Context[Account]
) -> Parsed:
    status = archived.status or wire.Status()
    person = status.account
    if not status.uri or not person.acct:
        raise Rejected("json.invalid", "a post without uri or author")
    native_id, edit = status.uri, None
    if archived.kind == "edited":
        native_id = f"{status.uri}@{status.edited_at}"
        edit = event_for("mastodon", delivery, "edited", status.uri)
    paragraphs = (status.spoiler_text or "", html_to_text(status.content or ""))
    files = [file for file in status.media_attachments if file.url or file.remote_url]
    root = archived.root or str(status.in_reply_to_id or status.uri)
    is_direct = status.visibility == "direct"
    result = build_message(
        "mastodon",
        delivery,
        context,
        native_id=native_id,
        root=f"{root}|{author_of(person)}",
        kind="chat" if is_direct else "post",
        text="\n".join(text for text in paragraphs if text),
        event=edit,
        sender=Party(
            name=person.display_name or person.acct,
            handles=(Handle(kind="handle", value=f"mastodon:{_address(person)}"),),
        ),
        sent_at=parse_time(status.edited_at if edit else status.created_at),
        attachments=tuple(map(_describe_file, files)),
        post=Post(
            url=status.url,
            author_reach=person.followers_count,
            parent=str(status.in_reply_to_id) if status.in_reply_to_id else None,
        ),
        thread=(str(status.id),),
        reply_to=f"{status.id}|{person.acct}|{status.visibility}",
        answering=Answering(limit=_answer_chars(person, context.settings), public=not is_direct),
        flags=("bot",) if person.bot else (),
    )
    media = tuple(
        Media(index=index, ref=file.url or file.remote_url or "")
        for index, file in enumerate(files)
    )
    return Parsed(message=result, media=media)


def _answer_chars(person: wire.Person, settings: Account | None) -> int:
    """Return the characters that an answer may have after the @mention of its reader."""
    limit = settings.limit if settings else DEFAULT_POST_CHARS
    return max(1, limit - len(f"@{person.acct} "))


def _address(person: wire.Person) -> str:
    """Return name@server, for an account of the same server too."""
    if "@" in person.acct or not person.url:
        return person.acct.lower()
    return f"{person.acct}@{split_url(person.url).hostname or ''}".lower()


def _parse_deletion(
    archived: wire.ArchivedEvent, delivery: Delivery, context: Context[Account]
) -> Parsed:
    result = build_message(
        "mastodon",
        delivery,
        context,
        native_id=f"{archived.uri}:deleted",
        root=f"{archived.root}|{archived.author}",
        kind="post",
        text="",
        sender=Party(),
        event=event_for("mastodon", delivery, "deleted", archived.uri),
    )
    return Parsed(message=result)


def html_to_text(html: str) -> str:
    """Return the text of a post with its links in full, which the post shows shortened."""

    def expand(link: re.Match[str]) -> str:
        return link[0] if _MENTION.search(link[0].partition(">")[0]) else link[1]

    return to_text(_LINK.sub(expand, html))


def _describe_file(file: wire.MediaAttachment) -> Attachment:
    return Attachment(
        name=(file.description or "").strip()[:_MAX_NAME_CHARS] or file.type or "file",
        size=0,
        sha256="",
        type=_TYPE_OF_KIND.get(file.type, "application/octet-stream"),
    )
