"""Makes a Message of an archived post, of its edit or of its deletion.

An edited post has a new id; the first id of its history names the original. Most apps can not
answer an author who did not mention or quote the account, so `answering` forbids it.
"""

import html

from ingest.channel import Context, Delivery, Media, Parsed, build_message, event_for
from ingest.channels.x import wire
from ingest.channels.x.account import Account
from ingest.parsing.json_values import decode_json, parse_time
from schemas.errors import Rejected
from schemas.message import Answering, Attachment, Handle, Party, Post

_MAX_ANSWER_CHARS = 280  # X refuses longer posts


def parse_post(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of one archived post; raise Rejected."""
    archived = decode_json(wire.ArchivedPost, delivery.raw)
    settings = context.settings or Account()
    tweet = decode_json(wire.Tweet, archived.post)
    if not tweet.id or not tweet.author_id:
        raise Rejected("json.invalid", "a post without id or author")
    if settings.user_id and str(tweet.author_id) == settings.user_id:
        raise Rejected("delivery.ignored", "our own")
    if archived.event == "post.delete":
        return _parse_deletion(tweet, delivery, context)
    return _parse_tweet(tweet, archived, delivery, context)


def _parse_tweet(
    tweet: wire.Tweet, archived: wire.ArchivedPost, delivery: Delivery, context: Context[Account]
) -> Parsed:
    history = [str(number) for number in tweet.edit_history_tweet_ids] or [str(tweet.id)]
    event = None
    if history[0] != str(tweet.id):
        event = event_for("x", delivery, "edited", history[0])
    users = (user for user in archived.includes.users if str(user.id) == str(tweet.author_id))
    author = next(users, wire.User())
    keys = tweet.attachments.media_keys if tweet.attachments else ()
    files = [file for file in archived.includes.media if file.media_key in keys and file.url]
    replied_to = (r.id for r in tweet.referenced_tweets if r.type == "replied_to")
    metrics = author.public_metrics
    forbidden = _reason_against_answer(tweet, archived.event, context.settings or Account())
    result = build_message(
        "x",
        delivery,
        context,
        native_id=str(tweet.id),
        root=f"{tweet.conversation_id or history[0]}|{tweet.author_id}",
        kind="post",
        text=_full_text(tweet),
        sender=Party(
            name=author.name or author.username or "",
            handles=(Handle(kind="handle", value=f"x:{tweet.author_id}"),),
        ),
        sent_at=parse_time(tweet.created_at),
        event=event,
        thread=(str(tweet.id),),
        reply_to=str(tweet.id),
        attachments=tuple(_describe_file(file) for file in files),
        post=Post(
            url=f"https://x.com/{author.username or 'i'}/status/{tweet.id}",
            parent=next(map(str, replied_to), None),
            author_reach=metrics.followers_count if metrics else None,
        ),
        answering=Answering(limit=_MAX_ANSWER_CHARS, public=True, forbidden=forbidden),
    )
    media = tuple(Media(index=index, ref=file.url or "") for index, file in enumerate(files))
    return Parsed(message=result, media=media)


def _reason_against_answer(tweet: wire.Tweet, event: str, settings: Account) -> str:
    """Return why X would refuse an answer, empty where it takes one."""
    if settings.answers_anybody or not settings.user_id:
        return ""
    if event in ("post.mention.create", "post.quote.create"):
        return ""
    mentions = tweet.entities.mentions if tweet.entities else ()
    if any(str(mention.id) == settings.user_id for mention in mentions):
        return ""
    return "X lets apps answer only those who mention or quote the account"


def _full_text(tweet: wire.Tweet) -> str:
    """Return the full text with every link expanded."""
    note = tweet.note_tweet
    text = html.unescape(note.text if note and note.text else tweet.text)
    entities = (note.entities if note else None) or tweet.entities or wire.Entities()
    for link in entities.urls:
        if link.url and link.expanded_url:
            text = text.replace(link.url, link.expanded_url)
    return text


def _parse_deletion(tweet: wire.Tweet, delivery: Delivery, context: Context[Account]) -> Parsed:
    native_id = str(tweet.id)
    result = build_message(
        "x",
        delivery,
        context,
        native_id=f"{native_id}:deleted",
        kind="post",
        text="",
        root=f"{tweet.conversation_id or delivery.hint or native_id}|{tweet.author_id}",
        sender=Party(handles=(Handle(kind="handle", value=f"x:{tweet.author_id}"),)),
        event=event_for("x", delivery, "deleted", native_id),
    )
    return Parsed(message=result)


def _describe_file(file: wire.TweetMedia) -> Attachment:
    kind = "image/jpeg" if file.type == "photo" else "application/octet-stream"
    return Attachment(name=file.type or "file", type=kind, size=0, sha256="")
