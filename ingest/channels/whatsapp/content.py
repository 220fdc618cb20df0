"""Reads the text and the files of a WhatsApp message.

`text` is the customer's own text; `full_text` is the text that an agent sees.
"""

import base64
import binascii

import msgspec

from ingest.channels.whatsapp import wire
from schemas.message import Attachment

_FILE_FIELDS = ("image", "video", "document", "audio", "sticker")


def read_text(message: wire.WhatsAppMessage) -> tuple[str, str]:
    """Return the text and the full text of a message."""
    text, full_text = _content(message)
    if message.referral and not full_text:
        advert = (message.referral.headline, message.referral.source_url)
        about = " ".join(t for t in advert if t)
        full_text = f"{text}\n[{about}]" if about else ""
    if not text and not full_text and message.errors:
        full_text = f"[{message.errors[0].title}]"
    return text, full_text or text


def _content(message: wire.WhatsAppMessage) -> tuple[str, str]:
    """Return the text of a message's kind, and the full text where the kind has more."""
    if message.text:
        return message.text.body, ""
    if message.button:
        return message.button.text, ""
    if message.interactive:
        return _chosen(message.interactive)
    if message.location:
        return _location_text(message.location)
    if message.contacts:
        return "\n".join(map(_contact_line, message.contacts)), ""
    if message.order:
        return _order_text(message.order)
    if message.reaction:
        return message.reaction.emoji or "", ""
    if message.edit and message.edit.message:
        return _edited_text(message.edit.message), ""
    return next((file.caption or "" for _, file in list_files(message)), ""), ""


def _chosen(interactive: wire.Interactive) -> tuple[str, str]:
    """Return the title of the chosen button or row, or the text and the answers of a form."""
    form = interactive.nfm_reply
    if form:
        answers = form.response_json
        shown = answers if isinstance(answers, str) else msgspec.json.encode(answers).decode()
        return form.body or "", shown
    reply = interactive.button_reply or interactive.list_reply or wire.InteractiveReply()
    return "\n".join(t for t in (reply.title, reply.description) if t), ""


def _location_text(location: wire.WhatsAppLocation) -> tuple[str, str]:
    text = ", ".join(t for t in (location.name, location.address) if t)
    return text, f"{text} ({location.latitude},{location.longitude})".strip()


def _order_text(order: wire.Order) -> tuple[str, str]:
    text = order.text or ""
    lines = (
        f"{item.quantity} × {item.product_retailer_id} {item.item_price} {item.currency}"
        for item in order.product_items
    )
    return text, "\n".join((text, *lines)).strip()


def _edited_text(edited: wire.EditedMessage) -> str:
    if edited.text:
        return edited.text.body
    files = (edited.image, edited.video, edited.document)
    return next((file.caption or "" for file in files if file), "")


def _contact_line(contact: wire.ContactCard) -> str:
    """Return a shared contact's details in one line."""
    organization = contact.org
    addresses = (
        " ".join(str(field) for field in (a.street, a.zip, a.city, a.state, a.country) if field)
        for a in contact.addresses
    )
    details = (
        contact.name.formatted_name,
        organization.title,
        organization.department,
        organization.company,
        *(phone.phone for phone in contact.phones),
        *(email.email for email in contact.emails),
        *addresses,
        *(url.url for url in contact.urls),
        contact.birthday,
    )
    return ", ".join(detail for detail in details if detail)


def list_files(message: wire.WhatsAppMessage) -> list[tuple[str, wire.WhatsAppFile]]:
    """Return the files of a message with their kinds."""
    files = ((kind, getattr(message, kind)) for kind in _FILE_FIELDS)
    return [(kind, file) for kind, file in files if file is not None]


def describe_file(kind: str, file: wire.WhatsAppFile) -> Attachment:
    """Return the attachment of a file, before its content is fetched."""
    mime = file.mime_type.partition(";")[0].strip() or "application/octet-stream"
    name = file.filename or f"{'voice' if file.voice else kind}.{mime.rpartition('/')[2]}"
    return Attachment(
        name=name, type=mime, size=0, sha256=_hex_digest(file.sha256), inline=kind == "sticker"
    )


def _hex_digest(digest: str) -> str:
    """Return a base64 digest in hexadecimal, empty for any other text."""
    try:
        return base64.b64decode(digest, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""
