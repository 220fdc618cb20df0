"""Selects the events about people's messages, and names the reason for every other one. Pure.

Source: docs.slack.dev, Events API, message subtypes.
"""

import msgspec

from ingest.channels.slack import wire
from ingest.parsing.json_values import decode_json
from ingest.webhook import WebhookResponse, WebhookResult
from schemas.errors import Rejected

_SLACKBOT = "USLACKBOT"
_MESSAGE_EVENTS = frozenset({"message", "app_mention", "reaction_added", "reaction_removed"})
_TEXT_SUBTYPES = frozenset({"", "file_share", "thread_broadcast", "me_message"})
_MAX_CHALLENGE_BYTES = 1024  # far above Slack's challenges of some 50 characters


def select_event(body: bytes) -> WebhookResult:
    """Return the event in a body, or the reason why it is not about a person's message.

    The response to `url_verification` is its challenge. Raises Rejected for a body without a type.
    """
    wrapper = decode_json(wire.EventWrapper, body)
    if wrapper.type == "url_verification":
        challenge = wrapper.challenge.encode()[:_MAX_CHALLENGE_BYTES]
        return WebhookResult(ignored=("handshake",), response=WebhookResponse(body=challenge))
    if wrapper.type != "event_callback":
        if not wrapper.type:
            raise Rejected("json.invalid", "not a call of Slack: `type` is missing")
        reason = wrapper.type if wrapper.type == "app_rate_limited" else "other_kind"
        return WebhookResult(ignored=(reason,))
    reason = _reason_to_ignore(wrapper.event)
    if reason:
        return WebhookResult(ignored=(reason,))
    archived = wire.ArchivedSlackEvent(team=wrapper.team_id or "", event=wrapper.event)
    return WebhookResult(deliveries=(msgspec.json.encode(archived),))


def _reason_to_ignore(raw: msgspec.Raw) -> str:
    """Return why an event is ignored, empty for a person's message and for unreadable bytes.

    The parser rejects unreadable bytes with the fault, and they become a dead letter.
    """
    try:
        # Other events may name their channel or their person by an object.
        if decode_json(wire.AnySlackEvent, raw).type not in _MESSAGE_EVENTS:
            return "other_event"
        return _reason_to_ignore_message(decode_json(wire.SlackEvent, raw))
    except Rejected:
        return ""


def _reason_to_ignore_message(event: wire.SlackEvent) -> str:
    """Return why an event is not about a person's message, empty for a person's message."""
    if event.type in ("reaction_added", "reaction_removed"):
        return ""
    message = event.message or event.previous_message or event
    if message.subtype == "tombstone":
        return _reason_to_ignore_tombstone(event.previous_message)
    if _is_from_bot(event, message):
        return "bot"
    if event.subtype == "message_changed":
        return "" if _is_edit_of_person(event) else "unfurled"
    if event.subtype == "message_deleted":
        original = event.previous_message
        return "" if original and original.user else "unknown_deletion"
    return "" if (event.subtype or "") in _TEXT_SUBTYPES else "notice"


def _reason_to_ignore_tombstone(original: wire.SlackEvent | None) -> str:
    """Return why a deleted first message of a thread is ignored.

    Slack replaces it with a tombstone of Slackbot's, so only the original names its author.
    """
    is_from_person = original and original.user and original.user != _SLACKBOT
    return "" if is_from_person else "unknown_deletion"


def _is_from_bot(event: wire.SlackEvent, message: wire.SlackEvent) -> bool:
    return bool(
        _SLACKBOT in (event.user, message.user)
        or event.bot_id
        or message.bot_id
        or "bot_message" in (event.subtype, message.subtype)
    )


def _is_edit_of_person(event: wire.SlackEvent) -> bool:
    """Return whether a person changed a message, which Slack also changes to show a link."""
    original = event.previous_message or wire.SlackEvent()
    message = event.message or wire.SlackEvent()
    if message.text != original.text:
        return True
    return message.edited is not None and message.edited != original.edited
