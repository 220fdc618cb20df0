"""Selects the events that are messages of customers, and names the reason for every other one.

Source: developers.line.biz, Messaging API reference, webhook event objects.
"""

import msgspec

from ingest.channels.line import wire
from ingest.parsing.json_values import decode_json
from ingest.webhook import WebhookResult
from schemas.errors import Rejected

_MESSAGE_EVENTS = ("message", "postback", "unsend")
_OTHER_EVENTS = frozenset(
    {
        "follow",
        "unfollow",
        "join",
        "leave",
        "memberJoined",
        "memberLeft",
        "beacon",
        "accountLink",
        "things",
        "videoPlayComplete",
        "membership",
        "delivery",
        "activated",
        "deactivated",
        "botSuspended",
        "botResumed",
    }
)


def select_events(body: bytes) -> WebhookResult:
    """Return the events of customers in a body, and the reasons to ignore the rest.

    Raises Rejected for a body without a list of events.
    """
    request = decode_json(wire.CallbackRequest, body)
    if not request.events:
        return WebhookResult(ignored=("handshake",))
    deliveries: list[bytes] = []
    ignored: list[str] = []
    for event in request.events:
        reason = _reason_to_ignore(event)
        if reason:
            ignored.append(reason)
        else:
            archived = wire.ArchivedLineEvent(destination=request.destination or "", event=event)
            deliveries.append(msgspec.json.encode(archived))
    return WebhookResult(deliveries=tuple(deliveries), ignored=tuple(ignored))


def _reason_to_ignore(raw: msgspec.Raw) -> str:
    """Return why an event is not a customer's message, empty for a customer's message."""
    try:
        kind = decode_json(wire.LineEvent, raw).type
    except Rejected:
        # The parser rejects it with the fault, and its bytes become a dead letter.
        return ""
    if kind == "postback" and b'"newRichMenuAliasId"' in bytes(raw):
        return "menu_tab"
    if kind in _MESSAGE_EVENTS:
        return ""
    return kind if kind in _OTHER_EVENTS else "other_event"
