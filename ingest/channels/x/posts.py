"""Selects the posts of customers in a webhook's body or a line of the stream."""

import msgspec

from ingest.channels.x import wire
from ingest.parsing.json_values import decode_json
from ingest.webhook import WebhookResult
from schemas.errors import Rejected

POST_EVENTS = ("post.mention.create", "post.reply.create", "post.quote.create", "post.delete")
_OTHER_EVENTS = {"post.create": "post", "follow.follow": "follow", "like.create": "like"}


def select_post(body: bytes) -> WebhookResult:
    """Return the post in a body, or the reason to ignore it."""
    envelope = decode_json(wire.EventEnvelope, body)
    if not bytes(envelope.data):
        return WebhookResult(ignored=("error" if bytes(envelope.errors) else "empty",))
    fields = decode_json(dict[str, msgspec.Raw], envelope.data).keys()
    if "event_type" not in fields:
        return _archive("", envelope.data, envelope.includes)
    activity = decode_json(wire.TweetActivity, envelope.data)
    if activity.event_type not in POST_EVENTS:
        reason = _OTHER_EVENTS.get(activity.event_type, "other_event")
        return WebhookResult(ignored=(reason,))
    includes = activity.includes or envelope.includes
    return _archive(activity.event_type, activity.payload, includes)


def _archive(event: str, post: msgspec.Raw, includes: wire.Includes | None) -> WebhookResult:
    if _is_repost(post):
        return WebhookResult(ignored=("repost",))
    archived = wire.ArchivedPost(event=event, post=post, includes=includes or wire.Includes())
    return WebhookResult(deliveries=(msgspec.json.encode(archived),))


def _is_repost(post: msgspec.Raw) -> bool:
    """Return whether a post only repeats another post; an unreadable one counts as its own."""
    try:
        references = decode_json(wire.Tweet, post).referenced_tweets
    except Rejected:
        return False
    return any(reference.type == "retweeted" for reference in references)
