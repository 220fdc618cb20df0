"""Selects the items of customers in a webhook's body, and names the reason for every other one.

Meta sends the messages of the Page itself too, as echoes.
"""

import msgspec

from ingest.parsing.json_values import decode_json, is_present
from ingest.vendors import meta_webhook
from ingest.vendors.meta_messaging import wire
from ingest.webhook import WebhookResult
from schemas.errors import Rejected

_COMMENT_FIELDS = ("feed", "mention", "comments", "live_comments", "mentions")
_POST_KINDS = ("comment", "post", "status", "photo", "video")
_VERBS = ("", "add", "edit", "edited", "remove", "delete")


def select_items(body: bytes, kind: str) -> WebhookResult:
    """Return the items of a body of a kind, and the reasons to ignore the rest; raise Rejected."""
    entries, faulty = meta_webhook.read_entries(body, kind)
    deliveries: list[bytes] = list(faulty)
    ignored: list[str] = []
    for entry in entries:
        items, faulty = _items_of(entry)
        deliveries += faulty
        for item in items:
            reason = _reason_to_ignore(item)
            if reason:
                ignored.append(reason)
            else:
                deliveries.append(msgspec.json.encode(item))
    return WebhookResult(deliveries=tuple(deliveries), ignored=tuple(ignored))


def _items_of(entry: meta_webhook.WebhookEntry) -> tuple[list[wire.ArchivedMetaItem], list[bytes]]:
    """Return the items of an entry, and the changes that are unreadable."""

    def archive(origin: wire.ItemPlace, field: str, item: msgspec.Raw) -> wire.ArchivedMetaItem:
        ours = str(entry.id or "")
        return wire.ArchivedMetaItem(
            ours=ours, place=origin, field=field, time=entry.time, item=item
        )

    changes, faulty = meta_webhook.read_changes(entry)
    items = [archive("messaging", "", item) for item in entry.messaging]
    items += [archive("standby", "", item) for item in entry.standby]
    for change in changes:
        # The dashboard's test button sends a direct message as a change.
        origin: wire.ItemPlace = "messaging" if change.field == "messages" else "comment"
        items.append(archive(origin, change.field, change.value))
    return items, faulty


def _reason_to_ignore(archived: wire.ArchivedMetaItem) -> str:
    """Return why an item is not a customer's, empty for a customer's and an unreadable one."""
    try:
        if archived.place != "comment":
            event = decode_json(wire.MessagingEvent, archived.item)
            return _reason_to_ignore_event(event, archived.ours)
        if archived.field not in _COMMENT_FIELDS:
            return "other_field"
        comment = decode_json(wire.PageComment, archived.item)
        return _reason_to_ignore_comment(archived.field, comment, archived.ours)
    except Rejected:
        # The parser rejects it with the fault, and its bytes become a dead letter.
        return ""


def _reason_to_ignore_event(event: wire.MessagingEvent, ours: str) -> str:
    if (event.message and event.message.is_echo) or (ours and str(event.sender.id) == ours):
        return "echo"
    edit = event.message_edit
    if edit is not None and (edit.text is None or str(edit.num_edit) == "0"):
        return "edit_without_text"  # Instagram announces new messages so, without their text
    if event.message or event.postback or event.reaction or edit:
        return ""
    for kind in ("read", "delivery", "optin", "referral"):
        if is_present(getattr(event, kind)):
            return "receipt" if kind in ("read", "delivery") else kind
    return "other_kind"


def _reason_to_ignore_comment(field: str, comment: wire.PageComment, ours: str) -> str:
    if comment.sender and comment.sender.self_ig_scoped_id:
        return "echo"
    if ours and ours in (
        str(comment.sender.id) if comment.sender else "",
        str(comment.sender_id or ""),
    ):
        return "echo"
    if field == "feed":
        if comment.item not in _POST_KINDS and not (comment.item == "share" and comment.message):
            return "reaction" if comment.item in ("reaction", "like") else "other_kind"
        if comment.verb not in _VERBS:
            return "other_verb"
    return ""
