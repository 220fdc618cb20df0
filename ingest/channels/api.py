"""Messages by API: `POST /v1/messages`, idempotent by the caller's own id.

The door checks the caller's token and answers 202 with the ids.
"""

import base64
import binascii
import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from ingest.channel import Context, Delivery, HintKind, Parsed
from schemas import envelope
from schemas.account_fields import Brand
from schemas.base import Record, conversation_id, message_id
from schemas.errors import Rejected
from schemas.http_api.bodies import AttachmentIn, MessageIn, SenderIn
from schemas.message import Answering, Attachment, Handle, HandleKind, Message, Party

_WITHOUT_ANSWER_PATH = ("note", "call")
"""Kinds that staff wrote down: their sender did not choose the API as the way for an answer."""


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
        """Return the Message in a JSON body; raise Rejected with the path of the error."""
        body = envelope.decode_body(MessageIn, delivery.raw)
        brand = body.brand or (context.settings.brand if context.settings else "") or context.brand
        source = f"api:{delivery.account}"
        files = tuple(_file_content(a, index) for index, a in enumerate(body.attachments))
        reply_to, answering = _answer_path(body)
        message = Message(
            id=message_id("api", source, body.native_id),
            brand=brand,
            channel="api",
            source=source,
            native_id=body.native_id,
            conversation=conversation_id(brand, "api", body.conversation or body.native_id),
            kind=body.kind,
            sender=_build_sender(body.sender),
            subject=body.subject,
            text=body.text,
            full_text=body.text,
            sent_at=_in_utc(body.sent_at),
            received_at=delivery.received_at,
            attachments=tuple(
                Attachment(
                    name=a.name, type=a.type, size=len(data), sha256=sha256(data).hexdigest()
                )
                for a, data in zip(body.attachments, files, strict=True)
            ),
            position=delivery.position,
            reply_to=reply_to,
            answering=answering,
        )
        return Parsed(message=message, files=files)


def _answer_path(body: MessageIn) -> tuple[str | None, Answering | None]:
    """Return the mail address for an answer to a note of staff, or the request to call back."""
    if body.kind not in _WITHOUT_ANSWER_PATH:
        return None, None
    if body.sender.email:
        return body.sender.email.lower(), None
    return None, Answering(forbidden="there is no mail address: call back")


def _in_utc(sent_at: datetime | None) -> datetime | None:
    """Return a time in UTC; raise Rejected where UTC is beyond the ends of the calendar."""
    try:
        return None if sent_at is None else sent_at.astimezone(UTC)
    except OverflowError:
        raise Rejected("json.invalid", "no year has this time in UTC - at `$.sent_at`") from None


def _file_content(attachment: AttachmentIn, index: int) -> bytes:
    try:
        return base64.b64decode(attachment.content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected(
            "attachment.invalid", f"not base64: {error} - at `$.attachments[{index}].content`"
        ) from error


def _build_sender(sender: SenderIn) -> Party:
    values: tuple[tuple[HandleKind, str | None], ...] = (
        ("email", sender.email.lower() if sender.email else None),
        ("phone", _normalize_phone(sender.phone) if sender.phone else None),
        ("handle", sender.handle),
        ("customer_no", sender.customer_no),
    )
    handles = tuple(Handle(kind=kind, value=value) for kind, value in values if value)
    if not handles:
        raise Rejected(
            "json.invalid",
            "a sender needs email, phone, handle or customer_no - at `$.sender`",
        )
    return Party(name=sender.name, handles=handles)


def _normalize_phone(number: str) -> str:
    """Return a Turkish number in E.164; a number with a country code keeps it."""
    digits = re.sub(r"\D", "", number)
    if number.strip().startswith("+"):
        return f"+{digits}"
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    if len(digits) == 11 and digits.startswith("0"):
        return f"+90{digits[1:]}"
    return f"+90{digits}" if len(digits) == 10 and digits.startswith("5") else digits
