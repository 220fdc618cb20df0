"""Reads the text and the files of an activity. Pure."""

import re

from ingest.channels.teams import wire
from ingest.parsing.html.text import to_text
from ingest.parsing.json_values import decode_json
from schemas.errors import Rejected
from schemas.message import Attachment

INLINE = "inline:"
"""Begins the `ref` of a picture, whose address takes the bot's token."""
_MENTION = re.compile(r"<at\b[^<>]{0,300}>([^<>]{0,300})</at>", re.IGNORECASE)
_HTML_TAG = re.compile(
    r"<(?:p|div|br|b|i|a|ul|ol|li|span|strong|em|img|blockquote)\b", re.IGNORECASE
)
_SHARED_FILE = "application/vnd.microsoft.teams.file.download.info"
_MAX_CARD_CHARS = 10_000  # a form that a person filled in is far shorter


def read_text(activity: wire.Activity) -> str:
    """Return the text without mentions of our bot.

    A reaction gives its names, and a submitted card without a text its inputs as JSON.
    """
    if activity.type == "messageDelete":
        return ""
    if activity.type == "messageReaction":
        return " ".join(reaction.type for reaction in activity.reactions_added)
    text = _without_mentions(activity.text or "", activity.recipient.name or "")
    if activity.text_format == "xml" or _HTML_TAG.search(text):
        text = to_text(text)
    text = text.replace("&nbsp;", " ").strip()
    inputs = bytes(activity.value)
    if not text and inputs not in (b"null", b"", b"{}"):
        return inputs.decode("utf-8", "replace")[:_MAX_CARD_CHARS]
    return text


def _without_mentions(text: str, bot_name: str) -> str:
    """Return a text with the names of mentioned people, without the bot's."""
    ours = bot_name.strip().lower()

    def read_name(match: re.Match[str]) -> str:
        return "" if ours and match[1].strip().lower() == ours else match[1]

    return _MENTION.sub(read_name, text)


def list_files(activity: wire.Activity) -> list[tuple[wire.ActivityAttachment, str]]:
    """Return the attachments that are files or pictures, each with its `ref`."""
    refs = ((attachment, _media_ref(attachment)) for attachment in activity.attachments)
    return [(attachment, ref) for attachment, ref in refs if ref]


def _media_ref(attachment: wire.ActivityAttachment) -> str:
    """Return the `ref` of an attachment, empty for a card and for the text as HTML."""
    if attachment.content_type == _SHARED_FILE:
        try:
            return decode_json(wire.FileDownload, attachment.content).download_url or ""
        except Rejected:
            return ""
    if (attachment.content_type or "").startswith("image/") and attachment.content_url:
        return f"{INLINE}{attachment.content_url}"
    return ""


def describe_file(attachment: wire.ActivityAttachment) -> Attachment:
    """Return the attachment of a file, before its content is fetched."""
    mime = attachment.content_type or ""
    is_image = mime.startswith("image/")
    return Attachment(
        name=attachment.name or ("picture" if is_image else "file"),
        size=0,
        sha256="",
        type=mime if is_image and "*" not in mime else "application/octet-stream",
        inline=is_image,
    )
