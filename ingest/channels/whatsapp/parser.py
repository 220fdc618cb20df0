"""Makes a Message of an archived WhatsApp message.

A person's business-scoped user id identifies the person where there is one. The number may be
absent in one message and present in the next.
"""

import re
from datetime import timedelta
from typing import Literal, NamedTuple

from ingest.channel import Context, Delivery, Media, Parsed, build_message, event_for
from ingest.channels.whatsapp import wire
from ingest.channels.whatsapp.account import Account
from ingest.channels.whatsapp.content import describe_file, list_files, read_text
from ingest.parsing.json_values import decode_json, parse_time
from schemas.errors import Rejected
from schemas.message import Answering, Event, Handle, Party

_ANSWER_WINDOW = timedelta(hours=24)  # later, Meta takes templates only
_MAX_ANSWER_CHARS = 4096  # Meta refuses longer texts
_NUMBER = re.compile(r"^\+?\d{6,15}$")


class _Sender(NamedTuple):
    """The number, the user id and the name of a sender; an unknown one is empty."""

    number: str
    user_id: str
    name: str


def parse_message(delivery: Delivery, context: Context[Account]) -> Parsed:
    """Return the Message of an archived one; raise Rejected."""
    archived = decode_json(wire.ArchivedMessage, delivery.raw)
    message = decode_json(wire.WhatsAppMessage, archived.message)
    sender = _sender_of(message, decode_json(tuple[wire.WhatsAppContact, ...], archived.contacts))
    business = str(archived.metadata.phone_number_id or "")
    sent_at = parse_time(message.timestamp)
    group = message.group_id or ""
    text, full_text = read_text(message)
    files = list_files(message)
    event = _event(message, delivery)
    supported = bool(text or files or event or (full_text and not message.errors))
    answered = message.context.id if message.context else None
    result = build_message(
        "whatsapp",
        delivery,
        context,
        native_id=message.id,
        kind="chat",
        root=f"{business}/{group or sender.user_id or sender.number}",
        sender=_party(sender),
        text=text,
        full_text=full_text,
        recipients=_recipients(archived.metadata),
        sent_at=sent_at,
        event=event,
        attachments=tuple(describe_file(kind, file) for kind, file in files),
        thread=tuple(i for i in (answered, message.id) if i),
        reply_to=f"{business}/{f'group:{group}' if group else sender.number or sender.user_id}",
        answering=Answering(
            until=(sent_at or delivery.received_at) + _ANSWER_WINDOW, limit=_MAX_ANSWER_CHARS
        ),
        flags=("forwarded",) if _is_forwarded(message) else (),
        repaired=() if supported else ("content.unsupported",),
    )
    media = tuple(
        Media(index=index, ref=str(file.id)) for index, (_, file) in enumerate(files) if file.id
    )
    return Parsed(message=result, media=media)


def _sender_of(
    message: wire.WhatsAppMessage, contacts: tuple[wire.WhatsAppContact, ...]
) -> _Sender:
    """Return the sender of a message; raise Rejected when it has no number and no user id."""
    number = str(message.sender or "")
    contact = _contact_of(message, number, contacts)
    user_id = message.from_user_id or contact.user_id or message.from_parent_user_id or ""
    # For a person with a username, Meta leaves the number's fields empty or writes the user id.
    numbers = [n for n in (number, str(contact.wa_id or "")) if n and n != user_id]
    if not user_id and not numbers:
        raise Rejected("json.invalid", "a message without a sender: no from, no user id")
    profile = contact.profile or wire.ContactProfile()
    name = profile.name or profile.username or ""
    return _Sender(number=numbers[0] if numbers else "", user_id=user_id, name=name)


def _contact_of(
    message: wire.WhatsAppMessage, number: str, contacts: tuple[wire.WhatsAppContact, ...]
) -> wire.WhatsAppContact:
    for contact in contacts:
        if number and number in (str(contact.wa_id or ""), contact.user_id):
            return contact
    for contact in contacts:
        if message.from_user_id and contact.user_id == message.from_user_id:
            return contact
    # Without a match the only contact is the sender, except in a group.
    is_only = len(contacts) == 1 and not (number and message.group_id)
    return contacts[0] if is_only else wire.WhatsAppContact()


def _party(sender: _Sender) -> Party:
    handles = []
    if _NUMBER.match(sender.number):
        handles.append(Handle(kind="phone", value=f"+{sender.number.lstrip('+')}"))
    handles.append(Handle(kind="handle", value=f"whatsapp:{sender.user_id or sender.number}"))
    return Party(name=sender.name, handles=tuple(handles))


def _recipients(metadata: wire.Metadata) -> tuple[Party, ...]:
    digits = re.sub(r"\D", "", str(metadata.display_phone_number or ""))
    return (Party(handles=(Handle(kind="phone", value=f"+{digits}"),)),) if digits else ()


def _is_forwarded(message: wire.WhatsAppMessage) -> bool:
    context = message.context
    return context is not None and (context.forwarded or context.frequently_forwarded)


def _event(message: wire.WhatsAppMessage, delivery: Delivery) -> Event | None:
    """Return the reaction, edit or deletion in a message; raise Rejected without its object."""
    kinds: tuple[tuple[Literal["edited", "deleted", "reaction"], str], ...] = (
        ("reaction", message.reaction.message_id if message.reaction else ""),
        ("edited", message.edit.original_message_id if message.edit else ""),
        ("deleted", message.revoke.original_message_id if message.revoke else ""),
    )
    for kind, native_id in kinds:
        if native_id:
            return event_for("whatsapp", delivery, kind, native_id)
    if message.type in ("reaction", "edit", "revoke"):
        raise Rejected("json.invalid", f"type {message.type} without the id of a message")
    return None
