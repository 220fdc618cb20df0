"""Reads the texts and the files of a Telegram message.

`text` is the customer's own text; `full_text` is the text that an agent sees.
"""

import re

import msgspec

from ingest.channels.telegram import wire
from ingest.parsing.json_values import parse_size
from schemas.errors import Rejected
from schemas.message import Attachment

MAX_QUOTE_CHARS = 4096
"""Telegram's own limit of a text."""
MAX_VCARD_CHARS = 2048
"""Telegram's own limit of a vCard."""
_MAX_DOWNLOAD_BYTES = 20 * 1024 * 1024  # getFile refuses larger files
_VCARD_KINDS = frozenset({"EMAIL", "ORG", "TITLE", "ADR", "URL", "NOTE", "TEL", "BDAY"})
_TYPE_OF_KIND = {
    "photo": "image/jpeg",
    "voice": "audio/ogg",
    "video_note": "video/mp4",
    "sticker": "image/webp",
}
_FILE_FIELDS = (
    "document",
    "video",
    "audio",
    "voice",
    "video_note",
    "animation",
    "live_photo",
    "sticker",
)


def read_text(message: wire.TelegramMessage) -> tuple[str, str]:
    """Return the text and the full text of a message."""
    if message.text is not None:
        return message.text, message.text
    if message.rich_message:
        text = _rich_text(message.rich_message.blocks)
        return text, text
    if message.contact:
        name = " ".join(n for n in (message.contact.first_name, message.contact.last_name) if n)
        summary = f"{name} {message.contact.phone_number or ''}".strip()
        details = _vcard_values(message.contact.vcard or "")
        return name, ", ".join((summary, *(v for v in details if v not in summary)))
    if message.venue:
        text = ", ".join(t for t in (message.venue.title, message.venue.address) if t)
        return text, f"{text} ({_coordinates(message.venue.location)})"
    if message.location:
        return "", _coordinates(message.location)
    if message.web_app_data:
        web_app = message.web_app_data
        shown = (web_app.button_text, web_app.data)
        return web_app.button_text or "", "\n".join(t for t in shown if t)
    if message.poll and message.poll.question:
        return message.poll.question, _bullet_list(message.poll.question, message.poll.options)
    if message.checklist and message.checklist.title:
        return message.checklist.title, _bullet_list(
            message.checklist.title, message.checklist.tasks
        )
    return message.caption or "", message.caption or ""


def quote_answered(message: wire.TelegramMessage) -> tuple[str, str]:
    """Return the number of the answered message, and its text as a quotation."""
    answered = message.reply_to_message
    number = str(answered.message_id or "") if answered else ""
    if answered is None or (message.is_topic_message and number == str(message.message_thread_id)):
        # In a topic, Telegram marks a message that answers nothing as an answer to the first one.
        number, text = "", ""
    else:
        text = answered.text or answered.caption or ""
    text = (message.quote.text if message.quote else "") or text
    lines = text[:MAX_QUOTE_CHARS].split("\n") if text else []
    return number, "\n".join(f"> {line}" for line in lines)


def _vcard_values(vcard: str) -> list[str]:
    """Return the e-mail, company, address, page and note of a vCard (RFC 6350)."""
    values = []
    for line in re.sub(r"\r?\n[ \t]", "", vcard[:MAX_VCARD_CHARS]).splitlines():
        name, colon, value = line.partition(":")
        kind = name.partition(";")[0].rpartition(".")[2].upper()
        if colon and kind in _VCARD_KINDS:
            components = (text.strip() for text in re.split(r"(?<!\\);", value))
            joined = " ".join(text for text in components if text)
            values.append(re.sub(r"\\([,;\\])", r"\1", joined))
    return values


def _bullet_list(title: str, options: tuple[wire.Option, ...]) -> str:
    return "\n".join((title, *(f"- {option.text}" for option in options)))


def _coordinates(location: wire.TelegramLocation | None) -> str:
    return f"{location.latitude},{location.longitude}" if location else ""


def _rich_text(blocks: msgspec.Raw) -> str:
    """Return the text of rich blocks, a line for each block; raise Rejected."""
    try:
        return "\n".join(_block_lines(msgspec.json.decode(blocks)))
    except (msgspec.DecodeError, RecursionError) as error:
        raise Rejected("json.malformed", str(error)) from error


def _block_lines(block: object) -> list[str]:
    if isinstance(block, str):
        return [block]
    if isinstance(block, list):
        return [line for inner in block for line in _block_lines(inner)]
    if not isinstance(block, dict):
        return []
    line = _inline_text(
        {key: v for key, v in block.items() if not isinstance(v, list) or key == "text"}
    )
    inner = [block.get(key) for key in ("blocks", "items", "cells", "rows")]
    return ([line] if line else []) + _block_lines(inner)


def _inline_text(rich_text: object) -> str:
    """Return the text of a RichText, which is a text, a list of them, or an object."""
    if isinstance(rich_text, str):
        return rich_text
    if isinstance(rich_text, list):
        return "".join(map(_inline_text, rich_text))
    if isinstance(rich_text, dict):
        keys = ("text", "caption", "summary", "title")
        return "".join(_inline_text(rich_text[key]) for key in keys if key in rich_text)
    return ""


def list_files(message: wire.TelegramMessage) -> list[tuple[str, wire.TelegramFile]]:
    """Return the files of a message with their kinds; of a picture the largest size."""
    files: list[tuple[str, wire.TelegramFile]] = []
    if message.photo:
        largest = max(message.photo, key=lambda file: parse_size(file.file_size or file.width))
        files.append(("photo", largest))
    for kind in _FILE_FIELDS:
        file = getattr(message, kind)
        # Telegram sends an animation as a document too.
        if file and file.file_id and all(f.file_id != file.file_id for _, f in files):
            files.append((kind, file))
    return files


def is_too_large(file: wire.TelegramFile) -> bool:
    """Return whether a file is larger than Telegram lets bots download."""
    return parse_size(file.file_size) > _MAX_DOWNLOAD_BYTES


def describe_file(kind: str, file: wire.TelegramFile) -> Attachment:
    """Return the attachment of a file, before its content is fetched."""
    mime = file.mime_type or _TYPE_OF_KIND.get(kind, "application/octet-stream")
    if kind == "sticker" and (file.is_animated or file.is_video):
        mime = "video/webm" if file.is_video else "application/x-tgsticker"
    return Attachment(
        name=file.file_name or f"{kind}.{mime.rpartition('/')[2]}",
        type=mime,
        size=parse_size(file.file_size),
        sha256="",
        inline=kind == "sticker",
        refused="Telegram serves bots no file over 20 MB" if is_too_large(file) else "",
    )
