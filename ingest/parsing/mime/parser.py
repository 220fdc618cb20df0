"""A raw mail -> its headers, texts and files. Never raises on any bytes but on none at all.

Before: ingest/channels/email.py hands raw RFC 5322 bytes. After: mail/message.py makes a Message.
structure.py splits the parts; every value is read from the raw bytes by header.py and
letters/charset.py. What had to be mended is listed in `repaired`. Source: RFC 5322, 2045-2049,
2231.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from ingest.parsing import files
from ingest.parsing.html.text import LAID_OUT, to_text
from ingest.parsing.letters.charset import decode
from ingest.parsing.mime import calendar_text, header, smime, tnef
from ingest.parsing.mime.parameters import filename, parameter
from ingest.parsing.mime.repair import repair_mail
from ingest.parsing.mime.structure import (
    Headers,
    Part,
    guess_separator,
    read_part,
    separator_of,
    split_parts,
)
from ingest.parsing.mime.transfer_encoding import (
    begins_base64,
    is_base64,
    unbase64,
    unbase64_text,
    unquote,
    unquote_text,
)
from schemas.errors import Rejected
from schemas.message import Attachment, Party

PART_LIMIT = 1000
"""Parts looked at; beyond it lie only bombs (`mime.too_many_parts`)."""

DEPTH_LIMIT = 50
"""Multiparts within multiparts that are looked into (`mime.too_deep`)."""

HTML_LIMIT = 8 * 1024 * 1024
"""Longest HTML looked at, in characters (`html.cut`)."""


@dataclass
class Mail:
    """What was found in a mail; header values stay raw bytes until asked for."""

    headers: Headers
    text: str = ""
    html: bool = False
    files: list[tuple[Attachment, bytes]] = field(default_factory=list)
    refused: list[Attachment] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    content_type: str = "text/plain"
    charset: str | None = None
    """What the first text says it is in: the likeliest charset of raw header bytes too."""
    _parties: dict[str, tuple[Party, ...]] = field(default_factory=dict, repr=False)
    _texts: dict[str, str] = field(default_factory=dict, repr=False)

    def raw(self, name: str) -> bytes | None:
        """Return the first value of a header as it came, None if there is none."""
        name = name.lower()
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> bytes:
        """Return every value of a header, joined by commas."""
        return b", ".join(value for key, value in self.headers if key == name.lower())

    def values(self, name: str) -> list[bytes]:
        """Return every value of a header as it came."""
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str:
        """Return the first value of a header as text; empty if there is none."""
        if name not in self._texts:
            raw = self.raw(name)
            self._texts[name] = header.text(raw, self.charset) if raw is not None else ""
        return self._texts[name]

    def parties(self, name: str) -> tuple[Party, ...]:
        """Return everyone named in all headers of that name, in lower case."""
        if name not in self._parties:
            self._parties[name] = header.parties(self.all(name), self.charset)
        return self._parties[name]


def parse(raw: bytes) -> Mail:
    """Read a mail; raise Rejected(mime.empty) when there is nothing to read."""
    repaired: list[str] = []
    mended, stray = repair_mail(raw, repaired)
    if not mended.strip() and not stray:
        raise Rejected("mime.empty")
    top = read_part(mended)
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
    """A readable part; `named` may be a file after all when there is other text."""

    text: str
    html: bool


class _Reader:
    """Reads the parts: texts in their order, the best of each alternative, all files."""

    def __init__(self, mail: Mail) -> None:
        self._mail = mail
        self._files: list[tuple[Attachment, bytes, bytes]] = []
        self._shown: set[str] = set()
        self._seen = 0
        self._has_text = False
        self._alternatives = 0
        self._leaves = 0
        self._calendars: list[str] = []
        self._html = 0

    def files(self) -> list[tuple[Attachment, bytes]]:
        """Return the files; inline is a picture that the HTML names by its Content-ID."""
        made = []
        for attachment, data, content_id in self._files:
            name = content_id.decode("ascii", "replace").strip("<> ")
            inline = bool(name) and name in self._shown and attachment.type.startswith("image/")
            made.append((msgspec.structs.replace(attachment, inline=inline), data))
        return made

    def calendars(self) -> list[_Piece]:
        """Return what is written in the calendars of a mail that has no other text."""
        return [_Piece(text, html=False) for text in self._calendars if text]

    def read(self, part: Part, depth: int) -> list[_Piece]:
        """Return the texts of a part and everything in it."""
        self._seen += 1
        children = self._children(part)
        if children is None:
            is_only = depth == 0 or self._alternatives > 0
            is_body = is_only or (not self._leaves and b"filename" not in _disposition(part))
            self._leaves += 1
            return self._leaf(part, part.kind, is_body=is_body)
        if depth >= DEPTH_LIMIT:
            self._mail.repaired.append("mime.too_deep")
            return []
        branches: list[list[_Piece]] = []
        self._alternatives += part.kind == "multipart/alternative"
        for child in children:
            if self._seen >= PART_LIMIT:
                self._mail.repaired.append("mime.too_many_parts")
                break
            branches.append(self.read(child, depth + 1))
        self._alternatives -= part.kind == "multipart/alternative"
        if part.kind == "multipart/alternative":
            return _best(branches)
        return [piece for branch in branches for piece in branch]

    def _children(self, part: Part) -> Iterable[Part] | None:
        """Return the parts of a multipart, guessing a boundary that is missing or wrong."""
        if part.kind in smime.KINDS or _name(part).lower().endswith(".p7m"):
            return self._opened(part)
        if not part.kind.startswith("multipart/"):
            return None
        separator = separator_of(part)
        if separator:
            return split_parts(part, separator)
        self._mail.repaired.append("mime.no_parts")
        body = payload(part, self._mail.repaired)
        decoded = Part(part.headers, body, 0, len(body))
        separator = separator_of(decoded) or guess_separator(decoded)
        return split_parts(decoded, separator) if separator else None

    def _opened(self, part: Part) -> list[Part] | None:
        """Return the mail that a signature is wrapped around; the wrapping is kept as it came."""
        data = payload(part, self._mail.repaired)
        found = smime.signed(data)
        if found is None:
            return None
        self._keep("application/pkcs7-signature", data, _name(part) or "smime.p7m")
        return [read_part(found)]

    def _leaf(self, part: Part, kind: str, *, is_body: bool) -> list[_Piece]:
        disposition = _disposition(part)
        name = _name(part)
        data = payload(part, self._mail.repaired)
        if kind.startswith("multipart/"):
            kind = "text/plain"
        readable = kind in ("text/plain", "text/html", "text/markdown", "text/enriched")
        # A named text is a file; it is read, too, while there is no other text.
        if not readable or disposition.startswith(b"attachment") or (name and self._has_text):
            if kind in _TNEF or data.startswith(tnef.SIGNATURE):
                return self._unwrapped(part, kind, data, name)
            if kind in _CALENDARS:
                text, _ = decode(data, _charset(part))
                self._calendars.append(calendar_text.read_calendar(text))
                name = name if name.lower().endswith(".ics") else f"{name or 'calendar'}.ics"
            if data or name:
                self._keep(kind, data, name, part.header("content-id"))
            return []
        if name and not is_body:
            self._keep(kind, data, name, part.header("content-id"))
        data = payload(part, [], is_text=True)
        if kind == "text/plain":
            data, written = files.uuencoded(data)
            for title, inner in written:
                self._mail.repaired.append("mime.uuencode")
                self._keep(files.GENERIC[0], inner, header.text(title))
        content_type = part.header("content-type")
        charset = _charset(part)
        self._mail.charset = self._mail.charset or charset or None
        text, mended = decode(data, charset)
        if mended:
            self._mail.repaired.append(mended)
        if kind == "text/html":
            self._shown.update(re.findall(r"cid:([^\"'\s>)]{1,200})", text[:HTML_LIMIT]))
            if len(text) > HTML_LIMIT:
                self._mail.repaired.append("html.cut")
            self._html += len(text)
            text = to_text(text[:HTML_LIMIT], laid_out=self._html <= 2 * LAID_OUT)
        else:
            flowed = parameter(content_type, b"format").lower() == b"flowed"
            delsp = parameter(content_type, b"delsp").lower() == b"yes"
            text = unflow(text, delsp=delsp) if flowed else text.replace("\r\n", "\n")
        self._has_text = self._has_text or bool(text.strip())
        return [_Piece(text, kind == "text/html")]

    def _unwrapped(self, part: Part, kind: str, data: bytes, name: str) -> list[_Piece]:
        """Take the text and the files out of a winmail.dat; one that is broken stays a file."""
        found = tnef.expand(data)
        if found is None:
            self._mail.repaired.append("mime.broken_tnef")
            self._keep(kind, data, name or "winmail.dat", part.header("content-id"))
            return []
        text, inner = found
        for title, content in inner:
            self._keep(files.GENERIC[0], content, re.split(r"[/\\]", title)[-1][:255])
        self._mail.repaired.append("mime.tnef")
        return [_Piece(text, html=False)] if text.strip() and not self._has_text else []

    def _keep(self, kind: str, data: bytes, name: str, content_id: bytes = b"") -> None:
        if not name and kind.startswith("message/"):
            name = "message.eml" if kind == "message/rfc822" else f"{kind.split('/')[1]}.txt"
        if files.bursts(data):
            # The raw mail in the archive has it, for whoever must look.
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
        if kind in _SIGNED:
            self._mail.repaired.append(f"mime.{_SIGNED[kind]}")
        attachment = Attachment(
            name=name or "attachment",
            type=files.sniffed(data, kind),
            size=len(data),
            sha256=sha256(data).hexdigest(),
        )
        self._files.append((attachment, data, content_id))


_CALENDARS = ("text/calendar", "application/ics", "text/x-vcalendar")
_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_SIGNED = {
    "application/pkcs7-mime": "encrypted",
    "application/x-pkcs7-mime": "encrypted",
    "application/pgp-encrypted": "encrypted",
    "application/pgp-signature": "signed",
    "application/pkcs7-signature": "signed",
    "application/x-pkcs7-signature": "signed",
}
"""What an attachment says of the whole mail."""


def _best(branches: list[list[_Piece]]) -> list[_Piece]:
    """Return the plain branch of an alternative, unless the HTML says much more."""
    filled = [b for b in branches if any(p.text.strip() for p in b)]
    plain = next((b for b in filled if not any(p.html for p in b)), None)
    html = next((b for b in reversed(filled) if any(p.html for p in b)), None)
    if plain is None or html is None:
        return plain or html or []
    short, long = (" ".join(p.text for p in b).split() for b in (plain, html))
    if len(short) * 4 >= len(long):
        return plain
    # "Please view this message in HTML", a logo's name: words that the HTML itself does not have.
    there = set(long)
    return html if len(short) < 12 or sum(w in there for w in short) < 0.6 * len(short) else plain


def payload(part: Part, repaired: list[str], *, is_text: bool = False) -> bytes:
    """Return a leaf's bytes with its transfer encoding taken off, as far as that can be done.

    A text that people read (`is_text`) gets no line's end twice; a file keeps every byte.
    """
    raw = part.body
    words = re.findall(rb"[a-z0-9-]+", part.header("content-transfer-encoding").lower())
    encoding = words[0] if words else b""
    if encoding == b"base64":
        if is_base64(raw) or (is_text and begins_base64(raw)):
            return unbase64_text(raw) if is_text else unbase64(raw)
        repaired.append("mime.bad_base64")
        return raw
    if encoding in (b"quoted-printable", b"quoted"):
        return unquote_text(raw) if is_text else unquote(raw)
    if encoding in (b"x-uuencode", b"uuencode", b"x-uue"):
        _, written = files.uuencoded(raw)
        return written[0][1] if written else raw
    return raw


def _charset(part: Part) -> str:
    return parameter(part.header("content-type"), b"charset").decode("ascii", "replace")


def _disposition(part: Part) -> bytes:
    return part.header("content-disposition").lower()


def _name(part: Part) -> str:
    return filename(part.header("content-disposition"), part.header("content-type"))


def unflow(text: str, *, delsp: bool = False) -> str:
    """Join the lines of format=flowed text (RFC 3676); quoted lines stay apart."""
    made: list[list[str]] = []
    joining = False
    for line in text.replace("\r\n", "\n").split("\n"):
        stuffed = line[1:] if line.startswith(" ") else line
        quoted = line.startswith(">")
        flowing = not quoted and stuffed.endswith(" ") and stuffed != "-- "
        piece = stuffed[:-1] if flowing and delsp else stuffed
        if joining and not quoted and stuffed != "-- ":
            made[-1].append(piece)
        else:
            made.append([piece])
        joining = flowing
    return "\n".join("".join(pieces) for pieces in made)
