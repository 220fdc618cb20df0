"""Messages by API: `POST /v1/messages`, idempotent by the caller's own id.

Before: the door checked the token. After: accept publishes; the door answers 202 with the ids.
"""

import base64
import binascii
import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal

from ingest.channel import Context, Delivery, HintKind, Parsed
from schemas import envelope
from schemas.account_fields import Brand
from schemas.base import Record, conversation_id, message_id
from schemas.errors import Rejected
from schemas.http_api.bodies import AttachmentIn, MessageIn, SenderIn
from schemas.message import Answering, Attachment, Handle, HandleKind, Message, Party


class Account(Record, frozen=True, kw_only=True):
    """One caller of the API."""

    brand: Brand = ""


class Api:
    """The channel of the JSON API."""

    name = "api"
    takes = "messages as JSON, with files, by anything that can POST"
    ignores = "nothing"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    account = Account

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message in a JSON body; Rejected tells the path of the fault."""
        told = envelope.decode_body(MessageIn, delivery.raw)
        brand = told.brand or (context.settings.brand if context.settings else "") or context.brand
        source = f"api:{delivery.account}"
        files = [(a, _content(a, i)) for i, a in enumerate(told.attachments)]
        made = Message(
            id=message_id("api", source, told.native_id),
            brand=brand,
            channel="api",
            source=source,
            native_id=told.native_id,
            conversation=conversation_id(brand, "api", told.conversation or told.native_id),
            kind=told.kind,
            sender=_sender(told.sender),
            subject=told.subject,
            text=told.text,
            full_text=told.text,
            sent_at=_in_utc(told.sent_at),
            received_at=delivery.received_at,
            attachments=tuple(
                Attachment(name=a.name, type=a.type, size=len(d), sha256=sha256(d).hexdigest())
                for a, d in files
            ),
            position=delivery.position,
            **_answered(told),
        )
        return Parsed(message=made, files=tuple(data for _, data in files))


def _answered(told: MessageIn) -> dict[str, Any]:
    """Return how something that staff wrote down is answered: by mail, or by calling back."""
    if told.kind not in ("note", "call"):
        return {}
    if told.sender.email:
        return {"reply_to": told.sender.email.lower()}
    return {"answering": Answering(forbidden="there is no mail address: call back")}


def _in_utc(sent_at: datetime | None) -> datetime | None:
    """Return a time in UTC; raise Rejected for one that has none, at the ends of the calendar."""
    try:
        return None if sent_at is None else sent_at.astimezone(UTC)
    except OverflowError:
        raise Rejected("json.invalid", "no year has this time in UTC - at `$.sent_at`") from None


def _content(attachment: AttachmentIn, index: int) -> bytes:
    try:
        return base64.b64decode(attachment.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected(
            "attachment.invalid", f"not base64: {error} - at `$.attachments[{index}].content`"
        ) from error


def _sender(told: SenderIn) -> Party:
    kinds: tuple[tuple[HandleKind, str | None], ...] = (
        ("email", told.email.lower() if told.email else None),
        ("phone", _phone(told.phone) if told.phone else None),
        ("handle", told.handle),
        ("customer_no", told.customer_no),
    )
    handles = tuple(Handle(kind=k, value=v) for k, v in kinds if v)
    if not handles:
        raise Rejected(
            "json.invalid",
            "a sender needs email, phone, handle or customer_no - at `$.sender`",
        )
    return Party(name=told.name, handles=handles)


def _phone(number: str) -> str:
    """Return a Turkish number in E.164; a number with a country keeps it."""
    digits = re.sub(r"\D", "", number)
    if number.strip().startswith("+"):
        return f"+{digits}"
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    if len(digits) == 11 and digits.startswith("0"):
        return f"+90{digits[1:]}"
    return f"+90{digits}" if len(digits) == 10 and digits.startswith("5") else digits
