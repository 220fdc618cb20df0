"""Reads Amazon SES notifications about our mail, which SNS mails as JSON in a plain text. Pure.

Source: docs.aws.amazon.com/ses, "notification contents" and "event publishing contents".
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from ingest.parsing.automail.delivery_report import MAX_REASON_CHARS
from ingest.parsing.json_values import decode_json
from ingest.parsing.mime import header
from ingest.parsing.mime.parsed_mail import Mail
from schemas.base import Record
from schemas.errors import Rejected
from schemas.message import Automatic, Bounce

T = TypeVar("T")

_MAX_TEXT_CHARS = 256 * 1024
_MAX_RECIPIENTS = 50
_SENDER = re.compile(rb"@sns\.amazonaws\.com(?:\.cn)?\b", re.IGNORECASE)
_FOLD = re.compile(r"!\r?\n ?")
"""A mail server breaks lines of more than 990 characters like this."""

_RECEIPTS = ("Delivery", "Send", "Open", "Click", "Subscription")


class _Recipient(Record, frozen=True, kw_only=True, rename="camel"):
    email_address: str = ""
    status: str = ""
    diagnostic_code: str = ""


class _Event(Record, frozen=True, kw_only=True, rename="camel"):
    bounce_type: str = ""
    bounce_sub_type: str = ""
    bounced_recipients: tuple[_Recipient, ...] = ()
    delayed_recipients: tuple[_Recipient, ...] = ()
    delay_type: str = ""
    reason: str = ""


class _Header(Record, frozen=True, kw_only=True):
    name: str = ""
    value: str = ""


class _CommonHeaders(Record, frozen=True, kw_only=True, rename="camel"):
    message_id: str = ""


class _SentMail(Record, frozen=True, kw_only=True, rename="camel"):
    message_id: str = ""
    destination: tuple[str, ...] = ()
    common_headers: _CommonHeaders = _CommonHeaders()
    headers: tuple[_Header, ...] = ()


class _SesNotice(Record, frozen=True, kw_only=True, rename="camel"):
    notification_type: str = ""
    event_type: str = ""
    bounce: _Event = _Event()
    delivery_delay: _Event = _Event()
    reject: _Event = _Event()
    mail: _SentMail = _SentMail()


class _SnsEnvelope(Record, frozen=True, kw_only=True, rename="pascal"):
    message: str = ""


def read_notice(mail: Mail) -> Automatic | None:
    """Return the event that a mail from SNS reports, None for other mail and other topics."""
    if mail.raw("x-amz-sns-message-id") is None and not _SENDER.search(mail.raw("from") or b""):
        return None
    notice = _notice(mail.text[:_MAX_TEXT_CHARS])
    kind = (notice.notification_type or notice.event_type) if notice else ""
    evidence = f"Amazon SES notification {kind[:40]}"
    if notice is None or not kind:
        return None
    if kind == "Complaint":
        return Automatic(kind="abuse_report", evidence=evidence)
    if kind in _RECEIPTS:
        return Automatic(kind="receipt", evidence=evidence)
    return Automatic(kind="bounce", evidence=evidence, bounce=_bounce(notice, kind))


def _notice(text: str) -> _SesNotice | None:
    start = text.find("{")
    if start < 0:
        return None
    # SNS appends instructions to unsubscribe, and some servers fold the JSON.
    for body in (text[start:], _FOLD.sub("", text[start:]), text[start:].replace("\n", "")):
        end = body.find("\n--\n")
        document = body[: body.rfind("}", 0, end if end >= 0 else None) + 1]
        envelope = _decode(_SnsEnvelope, document)
        notice = _decode(
            _SesNotice, envelope.message if envelope and envelope.message else document
        )
        if notice is not None:
            return notice
    return None


def _decode(kind: type[T], text: str) -> T | None:
    try:
        return decode_json(kind, text.encode("utf-8", "replace"))
    except Rejected:
        return None


def _address(text: str) -> str:
    """Return the address of a recipient, who may have a name, as in "Ada <ada@…>"."""
    parties = header.parse_addresses(text.encode("utf-8", "replace")) if "<" in text else ()
    named = next((a for party in parties if (a := party.handle("email"))), None)
    return named or header.normalize_address(text)


def _bounce(notice: _SesNotice, kind: str) -> Bounce | None:
    delayed = kind == "DeliveryDelay"
    event = notice.delivery_delay if delayed else notice.bounce
    listed = event.delayed_recipients if delayed else event.bounced_recipients
    failed = [_address(r.email_address) for r in listed if "@" in r.email_address]
    failed = failed or [_address(a) for a in notice.mail.destination if "@" in a]
    original = _original(notice.mail)
    if not failed and original is None:
        return None
    first = listed[0] if listed else _Recipient()
    cause = f"{event.bounce_type} {event.bounce_sub_type}".strip()
    reasons = (first.diagnostic_code, cause, event.delay_type, notice.reject.reason, kind)
    return Bounce(
        recipient=failed[0] if failed else "",
        recipients=tuple(dict.fromkeys(failed))[:_MAX_RECIPIENTS],
        hard=event.bounce_type == "Permanent",
        delayed=delayed,
        original=original,
        reason=next(reason for reason in reasons if reason)[:MAX_REASON_CHARS],
    )


def _original(mail: _SentMail) -> str | None:
    """Return the Message-ID that we gave the mail; SES changes it on the way."""
    headers: Mapping[str, str] = {h.name.lower(): h.value for h in mail.headers}
    for value in (headers.get("message-id", ""), mail.common_headers.message_id):
        ids = header.parse_message_ids(value.encode("utf-8", "replace"))
        if ids:
            return ids[0]
    return f"<{mail.message_id}@email.amazonses.com>" if mail.message_id else None
