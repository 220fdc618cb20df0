"""Makes a Message of an update: of a message, an edit, a tap on a button, or a deletion."""

import re

import msgspec

from ingest.channel import Context, Delivery, Media, Parsed, build_message, event_for
from ingest.channels.telegram import wire
from ingest.channels.telegram.account import Account
from ingest.channels.telegram.content import (
    describe_file,
    is_too_large,
    list_files,
    quote_answered,
    read_text,
)
from ingest.parsing.json_values import decode_json, is_present, parse_time
from schemas.errors import Rejected
from schemas.message import Answering, Handle, Party

_MAX_ANSWER_CHARS = 4096  # sendMessage refuses longer texts
_SHARED_CHATS = ("group", "supergroup", "channel")


def parse_update(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of one update; raise Rejected for an update without a message."""
    update = decode_json(wire.Update, delivery.raw)
    if update.deleted_business_messages:
        return _parse_deletion(update.deleted_business_messages, delivery, context)
    if update.callback_query:
        return _parse_tap(update.callback_query, delivery, context)
    original = update.message or update.business_message or update.guest_message
    edit = update.edited_message or update.edited_business_message
    if not (original or edit):
        raise Rejected("json.invalid", "an update without a message")
    return _parse_message(
        original or edit or wire.TelegramMessage(),
        delivery,
        context,
        edited=original is None,
        guest=update.guest_message is not None,
    )


def _parse_message(
    message: wire.TelegramMessage,
    delivery: Delivery,
    context: Context[Account],
    *,
    edited: bool,
    guest: bool,
) -> Parsed:
    number = str(message.message_id)
    if not str(message.chat.id) or not number:
        raise Rejected("json.invalid", "a message without chat or number")
    native_id, event = _native_id(message), None
    if edited:
        event = event_for("telegram", delivery, "edited", native_id)
        native_id = f"{native_id}:edit:{message.edit_date or message.date}"
    text, full_text = read_text(message)
    answered, quotation = quote_answered(message)
    files = list_files(message)
    sticker = message.sticker.emoji or "" if message.sticker else ""
    result = build_message(
        "telegram",
        delivery,
        context,
        native_id=native_id,
        root=_root(message),
        kind="chat",
        sender=_sender(message),
        text=text or sticker,
        full_text="\n\n".join(t for t in (full_text or text or sticker, quotation) if t),
        sent_at=parse_time(message.edit_date if edited else message.date),
        event=event,
        attachments=tuple(describe_file(kind, file) for kind, file in files),
        thread=(answered, number) if answered else (number,),
        reply_to=_reply_address(message),
        answering=Answering(
            limit=_MAX_ANSWER_CHARS,
            forbidden="the bot is not in that chat" if guest else "",
            public=_is_public(message),
        ),
        flags=("forwarded",) if is_present(message.forward_origin) else (),
        repaired=() if full_text or text or files or sticker else ("content.unsupported",),
    )
    media = tuple(
        Media(index=index, ref=file.file_id)
        for index, (_, file) in enumerate(files)
        if not is_too_large(file)
    )
    return Parsed(message=result, media=media)


def _parse_tap(tap: wire.CallbackQuery, delivery: Delivery, context: Context[Account]) -> Parsed:
    message = tap.message or wire.TelegramMessage(chat=wire.TelegramChat(id=tap.sender.id))
    rows = message.reply_markup.inline_keyboard if message.reply_markup else ()
    label = next((b.text for row in rows for b in row if b.callback_data == tap.data), "")
    if not tap.id:
        raise Rejected("json.invalid", "a tap without its id")
    message = msgspec.structs.replace(message, sender=tap.sender, sender_chat=None)
    text = label or tap.data or ""
    result = build_message(
        "telegram",
        delivery,
        context,
        native_id=f"callback:{tap.id}",
        root=_root(message),
        kind="chat",
        sender=_sender(message),
        text=text,
        reply_to=_reply_address(message),
        answering=Answering(limit=_MAX_ANSWER_CHARS, public=_is_public(message)),
        repaired=() if text else ("content.unsupported",),
    )
    return Parsed(message=result)


def _parse_deletion(
    deletion: wire.BusinessMessagesDeleted, delivery: Delivery, context: Context[Account]
) -> Parsed:
    if not deletion.message_ids:
        raise Rejected("json.invalid", "a deletion that names no message")
    message = wire.TelegramMessage(
        chat=deletion.chat,
        business_connection_id=deletion.business_connection_id,
        message_id=deletion.message_ids[0],
    )
    native_id = _native_id(message)
    result = build_message(
        "telegram",
        delivery,
        context,
        native_id=f"{native_id}:deleted",
        root=_root(message),
        kind="chat",
        sender=_sender(message),
        text="",
        event=event_for("telegram", delivery, "deleted", native_id),
    )
    return Parsed(message=result)


def _native_id(message: wire.TelegramMessage) -> str:
    """Return the id of a message, which differs between a business chat and the bot's own chat."""
    number = str(message.message_id)
    if number == "0":
        number = f"0:{message.ephemeral_message_id}:{message.date}"
    chat_id = f"{message.chat.id}/{number}"
    business = message.business_connection_id
    return f"{business}:{chat_id}" if business else chat_id


def _is_public(message: wire.TelegramMessage) -> bool:
    return message.direct_messages_topic is None and message.chat.type in _SHARED_CHATS


def _thread(message: wire.TelegramMessage) -> str:
    if message.direct_messages_topic:
        return f"dm{message.direct_messages_topic.topic_id}"
    # In a group without topics a thread is a chain of answers, which changes within a conversation.
    return str(message.message_thread_id or "") if message.is_topic_message else ""


def _root(message: wire.TelegramMessage) -> str:
    """Return the root of a conversation: in a shared chat every sender has one."""
    if message.chat.type not in _SHARED_CHATS:
        return _reply_address(message)
    sender = message.sender_chat or message.sender
    return f"{_reply_address(message)}/{sender.id if sender else ''}"


def _reply_address(message: wire.TelegramMessage) -> str:
    return f"{message.chat.id}/{_thread(message)}/{message.business_connection_id or ''}"


def _sender(message: wire.TelegramMessage) -> Party:
    user = message.sender
    # A person who writes as a channel has a placeholder as sender, the same for all of them.
    if user is None or message.sender_chat is not None:
        chat = message.sender_chat or message.chat
        handles = (Handle(kind="handle", value=f"telegram:{chat.id}"),)
        return Party(name=chat.title or chat.username or "", handles=handles)
    name = " ".join(n for n in (user.first_name, user.last_name) if n)
    handle = Handle(kind="handle", value=f"telegram:{user.id}")
    return Party(name=name or user.username or "", handles=(handle, *_own_phone(message, user)))


def _own_phone(message: wire.TelegramMessage, user: wire.TelegramUser) -> tuple[Handle, ...]:
    """Return the phone number of a user who shares the contact of the user's own account."""
    contact = message.contact
    if not contact or not contact.phone_number or contact.user_id is None:
        return ()
    if str(contact.user_id) != str(user.id):
        return ()
    return (Handle(kind="phone", value="+" + re.sub(r"\D", "", contact.phone_number)),)
