"""Parses a raw mail into its headers, texts and files. Raises only for an empty mail.

The mail channel hands it raw RFC 5322 bytes, and mail/message.py makes a Message of the Mail.
structure.py splits the entities; header.py and letters/charset.py read every value from the raw
bytes. `Mail.repaired` lists the repairs. Source: RFC 5322, 2045-2049, 2231.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from ingest.parsing import files
from ingest.parsing.html.text import MAX_LAID_OUT_CHARS, to_text
from ingest.parsing.letters.charset import decode
from ingest.parsing.mime import calendar_text, header, smime, tnef
from ingest.parsing.mime.parameters import MAX_NAME_CHARS, parameter
from ingest.parsing.mime.parsed_mail import Mail
from ingest.parsing.mime.payload import (
    declared_charset,
    decode_payload,
    disposition,
    file_name,
    unflow,
)
from ingest.parsing.mime.repair import repair_mail
from ingest.parsing.mime.structure import (
    MimeEntity,
    guess_separator,
    read_entity,
    separator_of,
    split_parts,
)
from schemas.errors import Rejected
from schemas.message import Attachment

MAX_PARTS = 1000
"""Only bombs have more parts; the rest is not read (`mime.too_many_parts`)."""

MAX_DEPTH = 50
"""Only bombs nest multiparts deeper; these are not read (`mime.too_deep`)."""

MAX_HTML_CHARS = 8 * 1024 * 1024
"""The rest of a longer HTML is not read (`html.cut`)."""


def parse_mail(raw: bytes) -> Mail:
    """Return the mail in raw bytes; raise Rejected(mime.empty) when there is nothing to read."""
    data, stray, repaired = repair_mail(raw)
    if not data.strip() and not stray:
        raise Rejected("mime.empty")
    top = read_entity(data)
    mail = Mail(top.headers, repaired=repaired, content_type=top.kind)
    reader = _Reader(mail)
    pieces = reader.read(top, 0) or reader.calendars()
    text = "\n\n".join(p.text.strip("\n") for p in pieces if p.text.strip())
    mail.text = f"{decode(stray)[0]}\n{text}".strip("\n") if stray else text
    mail.html = bool(pieces) and all(p.html for p in pieces)
    mail.files = reader.files()
    mail.repaired = list(dict.fromkeys(mail.repaired))
    return mail


@dataclass
class _Piece:
    """The text of a part; `html` says that it was HTML."""

    text: str
    html: bool


class _Reader:
    """Reads the parts of a mail: texts in their order, the best of each alternative, all files."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._files: list[tuple[Attachment, bytes, bytes]] = []
        self._shown_ids: set[str] = set()
        self._parts = 0
        self._has_text = False
        self._open_alternatives = 0
        self._leaves = 0
        self._calendars: list[str] = []
        self._html_chars = 0

    def files(self) -> list[tuple[Attachment, bytes]]:
        """Return the files; a picture is inline when the HTML names its Content-ID."""
        attachments = []
        for attachment, data, content_id in self._files:
            name = content_id.decode("ascii", "replace").strip("<> ")
            inline = bool(name) and name in self._shown_ids and attachment.type.startswith("image/")
            attachments.append((msgspec.structs.replace(attachment, inline=inline), data))
        return attachments

    def calendars(self) -> list[_Piece]:
        """Return the texts of the calendars, for a mail without other text."""
        return [_Piece(text, html=False) for text in self._calendars if text]

    def read(self, entity: MimeEntity, depth: int) -> list[_Piece]:
        """Return the texts of a part and of all parts in it."""
        self._parts += 1
        children = self._children(entity)
        if children is None:
            is_only = depth == 0 or self._open_alternatives > 0
            is_body = is_only or (not self._leaves and b"filename" not in disposition(entity))
            self._leaves += 1
            return self._leaf(entity, entity.kind, is_body=is_body)
        if depth >= MAX_DEPTH:
            self._mail.repaired.append("mime.too_deep")
            return []
        branches: list[list[_Piece]] = []
        self._open_alternatives += entity.kind == "multipart/alternative"
        for child in children:
            if self._parts >= MAX_PARTS:
                self._mail.repaired.append("mime.too_many_parts")
                break
            branches.append(self.read(child, depth + 1))
        self._open_alternatives -= entity.kind == "multipart/alternative"
        if entity.kind == "multipart/alternative":
            return _best(branches)
        return [piece for branch in branches for piece in branch]

    def _children(self, entity: MimeEntity) -> Iterable[MimeEntity] | None:
        """Return the parts of a multipart, None for a leaf; guess a missing or wrong boundary."""
        if entity.kind in smime.TYPES or file_name(entity).lower().endswith(".p7m"):
            return self._unwrap_signed(entity)
        if not entity.kind.startswith("multipart/"):
            return None
        separator = separator_of(entity)
        if separator:
            return split_parts(entity, separator)
        self._mail.repaired.append("mime.no_parts")
        body = self._payload(entity)
        decoded = MimeEntity(entity.headers, body, 0, len(body))
        separator = separator_of(decoded) or guess_separator(decoded)
        return split_parts(decoded, separator) if separator else None

    def _payload(self, entity: MimeEntity) -> bytes:
        data, repaired = decode_payload(entity)
        self._mail.repaired += repaired
        return data

    def _unwrap_signed(self, entity: MimeEntity) -> list[MimeEntity] | None:
        """Return the mail inside an S/MIME signature; the signed file itself is kept, too."""
        data = self._payload(entity)
        signed = smime.unwrap(data)
        if signed is None:
            return None
        self._keep("application/pkcs7-signature", data, file_name(entity) or "smime.p7m")
        return [read_entity(signed)]

    def _leaf(self, entity: MimeEntity, kind: str, *, is_body: bool) -> list[_Piece]:
        """Return the text of a part, or keep its file."""
        name = file_name(entity)
        data = self._payload(entity)
        if kind.startswith("multipart/"):
            kind = "text/plain"
        is_attachment = disposition(entity).startswith(b"attachment")
        # A named text is a file; it is read, too, while there is no other text.
        if kind not in _TEXT_TYPES or is_attachment or (name and self._has_text):
            return self._file(entity, kind, data, name)
        if name and not is_body:
            self._keep(kind, data, name, entity.header("content-id"))
        text = self._text(entity, kind)
        self._has_text = self._has_text or bool(text.strip())
        return [_Piece(text, kind == "text/html")]

    def _file(self, entity: MimeEntity, kind: str, data: bytes, name: str) -> list[_Piece]:
        """Keep a file, and return the text of a winmail.dat."""
        if kind in _TNEF_TYPES or data.startswith(tnef.SIGNATURE):
            return self._unpack_tnef(entity, kind, data, name)
        if kind in _CALENDAR_TYPES:
            text, _ = decode(data, declared_charset(entity))
            self._calendars.append(calendar_text.read_calendar(text))
            name = name if name.lower().endswith(".ics") else f"{name or 'calendar'}.ics"
        if data or name:
            self._keep(kind, data, name, entity.header("content-id"))
        return []

    def _text(self, entity: MimeEntity, kind: str) -> str:
        """Return the text of a part; files that are written into it are kept."""
        data, _ = decode_payload(entity, is_text=True)
        if kind == "text/plain":
            data, encoded_files = files.split_uuencoded(data)
            for title, contents in encoded_files:
                self._mail.repaired.append("mime.uuencode")
                self._keep(files.GENERIC[0], contents, header.decode_header(title))
        charset = declared_charset(entity)
        self._mail.charset = self._mail.charset or charset or None
        text, repair = decode(data, charset)
        if repair:
            self._mail.repaired.append(repair)
        if kind == "text/html":
            return self._html_text(text)
        content_type = entity.header("content-type")
        flowed = parameter(content_type, b"format").lower() == b"flowed"
        delsp = parameter(content_type, b"delsp").lower() == b"yes"
        return unflow(text, delsp=delsp) if flowed else text.replace("\r\n", "\n")

    def _html_text(self, html: str) -> str:
        self._shown_ids.update(re.findall(r"cid:([^\"'\s>)]{1,200})", html[:MAX_HTML_CHARS]))
        if len(html) > MAX_HTML_CHARS:
            self._mail.repaired.append("html.cut")
        self._html_chars += len(html)
        return to_text(html[:MAX_HTML_CHARS], laid_out=self._html_chars <= 2 * MAX_LAID_OUT_CHARS)

    def _unpack_tnef(self, entity: MimeEntity, kind: str, data: bytes, name: str) -> list[_Piece]:
        """Take the text and the files out of a winmail.dat; a broken one stays a file."""
        unpacked = tnef.unpack(data)
        if unpacked is None:
            self._mail.repaired.append("mime.broken_tnef")
            self._keep(kind, data, name or "winmail.dat", entity.header("content-id"))
            return []
        text, packed_files = unpacked
        for title, contents in packed_files:
            self._keep(files.GENERIC[0], contents, re.split(r"[/\\]", title)[-1][:MAX_NAME_CHARS])
        self._mail.repaired.append("mime.tnef")
        return [_Piece(text, html=False)] if text.strip() and not self._has_text else []

    def _keep(self, kind: str, data: bytes, name: str, content_id: bytes = b"") -> None:
        if not name and kind.startswith("message/"):
            name = "message.eml" if kind == "message/rfc822" else f"{kind.split('/')[1]}.txt"
        if files.is_bomb(data):
            # The raw mail in the archive keeps it.
            self._mail.repaired.append("attachment.bomb")
            self._mail.refused.append(
                Attachment(
                    name=name or "attachment",
                    type=kind,
                    size=len(data),
                    sha256=sha256(data).hexdigest(),
                    refused="it would burst",
                )
            )
            return
        if kind in _SECURITY_REPAIRS:
            self._mail.repaired.append(f"mime.{_SECURITY_REPAIRS[kind]}")
        attachment = Attachment(
            name=name or "attachment",
            type=files.detect_type(data, kind),
            size=len(data),
            sha256=sha256(data).hexdigest(),
        )
        self._files.append((attachment, data, content_id))


_CALENDAR_TYPES = ("text/calendar", "application/ics", "text/x-vcalendar")
_TEXT_TYPES = ("text/plain", "text/html", "text/markdown", "text/enriched")
_TNEF_TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")
_SECURITY_REPAIRS = {
    "application/pkcs7-mime": "encrypted",
    "application/x-pkcs7-mime": "encrypted",
    "application/pgp-encrypted": "encrypted",
    "application/pgp-signature": "signed",
    "application/pkcs7-signature": "signed",
    "application/x-pkcs7-signature": "signed",
}
"""The code in `repaired` of a mail with an attachment of this type."""


def _best(branches: list[list[_Piece]]) -> list[_Piece]:
    """Return the plain branch of an alternative, unless the HTML has many more words."""
    filled = [b for b in branches if any(p.text.strip() for p in b)]
    plain = next((b for b in filled if not any(p.html for p in b)), None)
    html = next((b for b in reversed(filled) if any(p.html for p in b)), None)
    if plain is None or html is None:
        return plain or html or []
    short, long = (" ".join(p.text for p in b).split() for b in (plain, html))
    if len(short) * 4 >= len(long):
        return plain
    # "Please view this message in HTML" and a logo's name are not words of the HTML.
    html_words = set(long)
    return (
        html if len(short) < 12 or sum(w in html_words for w in short) < 0.6 * len(short) else plain
    )
