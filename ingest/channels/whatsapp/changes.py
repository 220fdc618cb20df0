"""Selects the messages of customers in a webhook's change, and names the reason for the rest. Pure.

A change is Meta's word for an entry of a call. parser.py reads the edits of messages.
"""

import msgspec

from ingest.channels.whatsapp import wire
from ingest.parsing.json_values import decode_json
from ingest.vendors.meta_webhook import Change
from ingest.webhook import WebhookResult
from schemas.errors import Rejected

_SYSTEM_TYPES = frozenset({"system", "request_welcome"})
_OTHER_FIELDS = frozenset(
    {
        "smb_message_echoes",
        "history",
        "smb_app_state_sync",
        "calls",
        "user_preferences",
        "message_template_status_update",
        "account_update",
        "account_alerts",
    }
)


def select_messages(change: Change) -> WebhookResult:
    """Return each message of a change with its metadata, and the reasons to ignore the rest."""
    if change.field != "messages":
        field = change.field if change.field in _OTHER_FIELDS else "other_field"
        return WebhookResult(ignored=(field,))
    try:
        value = decode_json(wire.Value, change.value)
    except Rejected:
        # The parser rejects it with the fault, and its bytes become a dead letter.
        return WebhookResult(deliveries=(bytes(change.value),))
    ignored = ["status"] * len(value.statuses)
    if not value.messages and not value.statuses:
        ignored.append("error" if value.errors else "empty")
    deliveries = []
    for message in value.messages:
        if _type_of(message) in _SYSTEM_TYPES:
            ignored.append("system")
            continue
        archived = wire.ArchivedMessage(
            metadata=value.metadata, contacts=value.contacts, message=message
        )
        deliveries.append(msgspec.json.encode(archived))
    return WebhookResult(deliveries=tuple(deliveries), ignored=tuple(ignored))


def _type_of(message: msgspec.Raw) -> str:
    try:
        return decode_json(wire.MessageType, message).type
    except Rejected:
        return ""
