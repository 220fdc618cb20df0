"""Selects the updates that are messages of customers, and names the reason for every other one.

Source: core.telegram.org/bots/api#update.
"""

import msgspec

from ingest.channels.telegram import wire
from ingest.parsing.json_values import decode_json, is_present
from ingest.webhook import WebhookResponse, WebhookResult
from schemas.errors import Rejected

MESSAGE_UPDATES = (
    "message",
    "edited_message",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "callback_query",
    "guest_message",
)
"""The kinds of update that hold a customer's message, its edit, its deletion or a tap."""

_OTHER_UPDATES = frozenset(
    {
        "channel_post",
        "edited_channel_post",
        "inline_query",
        "chosen_inline_result",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "message_reaction",
        "message_reaction_count",
        "shipping_query",
        "pre_checkout_query",
        "business_connection",
        "chat_boost",
        "removed_chat_boost",
        "purchased_paid_media",
    }
)

_SERVICE_MESSAGES = frozenset(
    {
        "new_chat_members",
        "left_chat_member",
        "new_chat_title",
        "new_chat_photo",
        "delete_chat_photo",
        "group_chat_created",
        "supergroup_chat_created",
        "channel_chat_created",
        "pinned_message",
        "message_auto_delete_timer_changed",
        "migrate_to_chat_id",
        "migrate_from_chat_id",
        "successful_payment",
        "refunded_payment",
        "users_shared",
        "chat_shared",
        "gift",
        "unique_gift",
        "gift_upgrade_sent",
        "connected_website",
        "write_access_allowed",
        "passport_data",
        "proximity_alert_triggered",
        "boost_added",
        "chat_background_set",
        "checklist_tasks_done",
        "checklist_tasks_added",
        "direct_message_price_changed",
        "forum_topic_created",
        "forum_topic_edited",
        "forum_topic_closed",
        "forum_topic_reopened",
        "giveaway",
        "general_forum_topic_hidden",
        "general_forum_topic_unhidden",
        "giveaway_created",
        "giveaway_winners",
        "giveaway_completed",
        "paid_message_price_changed",
        "suggested_post_approved",
        "suggested_post_approval_failed",
        "suggested_post_declined",
        "suggested_post_paid",
        "suggested_post_refunded",
        "video_chat_scheduled",
        "video_chat_started",
        "video_chat_ended",
        "video_chat_participants_invited",
        "chat_owner_left",
        "chat_owner_changed",
        "poll_option_added",
        "poll_option_deleted",
        "managed_bot_created",
    }
)
"""The fields of messages about a chat. A message with an unknown field counts as a customer's."""


def select_update(body: bytes) -> WebhookResult:
    """Return the update in a body, or the reason why it is not a customer's message.

    The response to a tap ends the button's wait. Raises Rejected for a body without `update_id`.
    """
    fields = decode_json(dict[str, msgspec.Raw], body).keys()
    if "update_id" not in fields:
        raise Rejected("json.invalid", "not an update of Telegram: `update_id` is missing")
    if not any(kind in fields for kind in MESSAGE_UPDATES):
        kind = next((field for field in sorted(fields) if field in _OTHER_UPDATES), "other_kind")
        return WebhookResult(ignored=(kind,))
    try:
        update = decode_json(wire.Update, body)
    except Rejected:
        # The parser rejects it with the fault, and its bytes become a dead letter.
        return WebhookResult(deliveries=(body,))
    reason = _reason_to_ignore(update, body)
    if reason:
        return WebhookResult(ignored=(reason,))
    deletion = update.deleted_business_messages
    if deletion and len(deletion.message_ids) > 1:
        return WebhookResult(deliveries=_split_deletion(update, deletion))
    return WebhookResult(deliveries=(body,), response=_response_to(update))


def _response_to(update: wire.Update) -> WebhookResponse:
    if not update.callback_query:
        return WebhookResponse()
    answer = {"method": "answerCallbackQuery", "callback_query_id": update.callback_query.id}
    return WebhookResponse(body=msgspec.json.encode(answer), content_type="application/json")


def _split_deletion(
    update: wire.Update, deletion: wire.BusinessMessagesDeleted
) -> tuple[bytes, ...]:
    """Return an update for each deleted message, because each one is an event of its own."""
    deletions = (
        msgspec.structs.replace(deletion, message_ids=(number,)) for number in deletion.message_ids
    )
    updates = (msgspec.structs.replace(update, deleted_business_messages=d) for d in deletions)
    return tuple(map(msgspec.json.encode, updates))


def _reason_to_ignore(update: wire.Update, body: bytes) -> str:
    """Return why an update is not a customer's message, empty for a customer's message."""
    if update.deleted_business_messages or update.callback_query:
        return ""
    kind = next(
        (k for k in MESSAGE_UPDATES if isinstance(getattr(update, k), wire.TelegramMessage)), None
    )
    if kind is None:
        return "other_kind"
    message: wire.TelegramMessage = getattr(update, kind)
    if kind.endswith("business_message") and _is_from_owner(message):
        return "echo"
    if message.is_automatic_forward:
        return "channel_post"
    if message.sender_chat and str(message.sender_chat.id) == str(message.chat.id):
        return "group_admin"
    if message.sender and message.sender.is_bot and not message.sender_chat:
        return "bot"
    fields = decode_json(dict[str, msgspec.Raw], decode_json(dict[str, msgspec.Raw], body)[kind])
    if any(is_present(v) for k, v in fields.items() if k in _SERVICE_MESSAGES):
        return "notice"
    if kind.startswith("edited") and b"live_period" in bytes(fields.get("location", b"")):
        return "live_location"
    return ""


def _is_from_owner(message: wire.TelegramMessage) -> bool:
    """Return whether the owner of a business chat wrote a message, or a bot for the owner."""
    if is_present(message.sender_business_bot):
        return True
    if message.chat.type != "private" or message.sender is None:
        return False
    return str(message.sender.id) != str(message.chat.id)
