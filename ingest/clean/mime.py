"""A raw mail -> its headers, texts and files. Never raises on any bytes but on none at all.

Before: ingest/channels/email.py hands raw RFC 5322 bytes. After: the same file makes a Message.
Python's parser splits the parts; every value is read from the raw bytes by header.py and
charset.py. What had to be mended is listed in `repaired`. Source: RFC 5322, 2045-2049, 2231.
"""

import email
import re
import urllib.parse
from dataclasses import dataclass, field
from email.message import Message as Part
from email.policy import compat32
from hashlib import sha256

import msgspec

from ingest.clean import files, header, smime, tnef
from ingest.clean.charset import decode
from ingest.clean.html import LAID_OUT, to_text
from ingest.clean.transfer import is_base64, unbase64, unquote
from schemas.errors import Rejected
from schemas.message import Attachment

PART_LIMIT = 1000
"""Parts looked at; beyond it lie only bombs (`mime.too_many_parts`)."""

DEPTH_LIMIT = 50
"""Multiparts within multiparts that are looked into (`mime.too_deep`)."""

HTML_LIMIT = 8 * 1024 * 1024
"""Longest HTML looked at, in characters (`html.cut`)."""

_HEAD_LIMIT = 64 * 1024  # bytes of one header line; Python's parsers grow with its square
_TYPE_LIMIT = 4 * 1024


class _Part(Part):
    """A part whose enclosed messages stay the bytes they came as: they are attachments here."""

    def get_content_maintype(self) -> str:
        kind = super().get_content_maintype()
        return "application" if kind == "message" else kind

    def get_content_type(self) -> str:
        kind = super().get_content_type()
        return "application/octet-stream" if kind.startswith("message/") else kind


@dataclass
class Mail:
    """What was found in a mail; header values stay raw bytes until asked for."""

    headers: list[tuple[str, bytes]]
    text: str = ""
    html: bool = False
    files: list[tuple[Attachment, bytes]] = field(default_factory=list)
    refused: list[Attachment] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    content_type: str = "text/plain"

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
        raw = self.raw(name)
        return header.text(raw) if raw is not None else ""


def parse(raw: bytes) -> Mail:
    """Read a mail; raise Rejected(mime.empty) when there is nothing to read."""
    repaired: list[str] = []
    mended, stray = _mend(raw, repaired)
    if not mended.strip() and not stray:
        raise Rejected("mime.empty")
    try:
        top: Part = email.message_from_bytes(mended, _class=_Part, policy=compat32)
    except (RecursionError, ValueError, IndexError, LookupError, AttributeError, TypeError):
        # The structure defeats Python's parser: keep the headers, and the rest as text.
        head, _, body = mended.partition(b"\n\n")
        mail = Mail(_plain_headers(head), repaired=[*repaired, "mime.broken_structure"])
        mail.text = decode(body)[0]
        return mail
    mail = Mail(_headers(top), repaired=repaired, content_type=_type(top))
    reader = _Reader(mail)
    pieces = reader.read(top, 0)
    text = "\n\n".join(p.text.strip("\n") for p in pieces if p.text.strip())
    mail.text = f"{decode(stray)[0]}\n{text}".strip("\n") if stray else text
    mail.html = bool(pieces) and all(p.html for p in pieces)
    mail.files = reader.files()
    mail.repaired = list(dict.fromkeys(mail.repaired))
    return mail


def _mend(raw: bytes, repaired: list[str]) -> tuple[bytes, bytes]:
    """Mend what makes headers look like body; return the mail, and lines that are text."""
    data = raw
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        repaired.append("mime.byte_order_mark")
    stripped = data.lstrip(b"\r\n")
    if len(stripped) != len(data):
        data = stripped
        repaired.append("mime.leading_blank_lines")
    head = data[:4096]
    if b"\r\r\n" in head:
        data = data.replace(b"\r\r\n", b"\r\n")
        repaired.append("mime.line_ends")
    if b"\n" not in head and b"\r" in head:
        data = data.replace(b"\r", b"\n")
        repaired.append("mime.line_ends")
    if data.startswith((b"From ", b">From ")):
        data = data.partition(b"\n")[2]
    return _mend_head(data.replace(b"\r\n", b"\n"), repaired)


_HEADER_LINE = re.compile(rb"^(?:[!-9;-~]+[ \t]*:|[ \t])")
_NAME = re.compile(rb"^([!-9;-~]+)[ \t]+:", re.MULTILINE)
_KNOWN = re.compile(
    rb"^(?:from|to|cc|subject|date|message-id|received|return-path|mime-version|content-[\w-]+|"
    rb"in-reply-to|references|reply-to|sender|delivered-to|auto-submitted|precedence|list-[\w-]+|"
    rb"x-[\w-]+|user-agent|importance|priority|resent-[\w-]+|dkim-signature|arc-[\w-]+|thread-"
    rb"[\w-]+|bcc|keywords|comments|organization|errors-to|disposition-notification-to)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


def _mend_head(data: bytes, repaired: list[str]) -> tuple[bytes, bytes]:
    """Mend the header block; lines in it that are no headers are put before the text."""
    head, blank, body = data.partition(b"\n\n")
    if not _KNOWN.search(head):
        # Not one header of the field: all of it is somebody's text.
        repaired.append("mime.no_headers")
        return b"\n" + data, b""
    if b"\r" in head:
        head = head.replace(b"\r", b" ")
        repaired.append("mime.line_ends")
    head = _NAME.sub(rb"\1:", head)
    lines = head.split(b"\n")
    stray = [line for line in lines if not _HEADER_LINE.match(line)]
    if stray:
        lines = [line for line in lines if _HEADER_LINE.match(line)]
        repaired.append("mime.stray_header_line")
    if max(map(len, lines)) > _TYPE_LIMIT:
        lines = [_shortened(line) for line in lines]
        repaired.append("mime.long_header")
    return b"\n".join(lines) + blank + body, b"\n".join(stray)


def _shortened(line: bytes) -> bytes:
    kind = line[:20].lower().startswith((b"content-type", b"content-disposition"))
    return line[: _TYPE_LIMIT if kind else _HEAD_LIMIT]


def _plain_headers(head: bytes) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t") and found:
            found[-1] = (found[-1][0], found[-1][1] + b" " + line.strip())
        elif b":" in line:
            name, _, value = line.partition(b":")
            found.append((name.strip().decode("ascii", "replace").lower(), value.strip()))
    return found


def _headers(part: Part) -> list[tuple[str, bytes]]:
    return [
        (name.lower(), str(value).encode("utf-8", "surrogateescape").strip())
        for name, value in part._headers  # type: ignore[attr-defined]  # items() parses, this never
    ]


def _header(part: Part, name: str) -> bytes:
    return next((value for key, value in _headers(part) if key == name), b"")


def _type(part: Part) -> str:
    value = _header(part, "content-type").replace(b'"', b"").split(b";")[0].split()
    if not value:
        return part.get_default_type()  # within a digest: message/rfc822
    kind = value[0].lower().decode("ascii", "replace") if value else ""
    return kind if re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind) else "text/plain"


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
        self._html = 0

    def files(self) -> list[tuple[Attachment, bytes]]:
        """Return the files; inline is a picture that the HTML names by its Content-ID."""
        made = []
        for attachment, data, content_id in self._files:
            name = content_id.decode("ascii", "replace").strip("<> ")
            inline = bool(name) and name in self._shown and attachment.type.startswith("image/")
            made.append((msgspec.structs.replace(attachment, inline=inline), data))
        return made

    def read(self, part: Part, depth: int) -> list[_Piece]:
        """Return the texts of a part and everything in it."""
        self._seen += 1
        if self._seen > PART_LIMIT:
            self._mail.repaired.append("mime.too_many_parts")
            return []
        kind = _type(part)
        children = self._children(part, kind)
        if children is None:
            return self._leaf(part, kind)
        if depth >= DEPTH_LIMIT:
            self._mail.repaired.append("mime.too_deep")
            return []  # the raw mail in the archive has it; writing it out again would recurse
        if kind == "multipart/digest":
            for child in children:
                child.set_default_type("message/rfc822")
        if kind == "multipart/alternative":
            return _best([self.read(child, depth + 1) for child in children])
        return [piece for child in children for piece in self.read(child, depth + 1)]

    def _children(self, part: Part, kind: str) -> list[Part] | None:
        """Return the parts of a multipart, guessing a boundary that is missing or wrong."""
        inner = part.get_payload()
        if isinstance(inner, list):
            return [p for p in inner if isinstance(p, Part)]
        if kind in smime.KINDS or filename(part).lower().endswith(".p7m"):
            return self._opened(part)
        if not kind.startswith("multipart/"):
            return None
        body = payload(part, self._mail.repaired)
        found = re.search(rb"^--([^\s\"][^\r\n\"]{0,98})[ \t]*$", body, re.MULTILINE)
        self._mail.repaired.append("mime.no_parts")
        if found is None:
            return None
        head = b'Content-Type: %s; boundary="%s"\n\n' % (kind.encode(), found[1].strip())
        again = email.message_from_bytes(head + body, _class=_Part, policy=compat32).get_payload()
        return [p for p in again if isinstance(p, Part)] if isinstance(again, list) else None

    def _opened(self, part: Part) -> list[Part] | None:
        """Return the mail that a signature is wrapped around; the wrapping is kept as it came."""
        data = payload(part, self._mail.repaired)
        found = smime.signed(data)
        if found is None:
            return None
        self._keep("application/pkcs7-signature", data, filename(part) or "smime.p7m")
        return [email.message_from_bytes(found, _class=_Part, policy=compat32)]

    def _leaf(self, part: Part, kind: str) -> list[_Piece]:
        disposition = _header(part, "content-disposition").lower()
        name = filename(part)
        data = payload(part, self._mail.repaired)
        if kind.startswith("multipart/"):
            kind = "text/plain"
        readable = kind in ("text/plain", "text/html", "text/markdown", "text/enriched")
        # A named text is a file, unless it is all the text there is.
        if not readable or disposition.startswith(b"attachment") or (name and self._has_text):
            if kind in _TNEF or data.startswith(tnef.SIGNATURE):
                return self._unwrapped(part, kind, data, name)
            if data or name:
                self._keep(kind, data, name, _header(part, "content-id"))
            return []
        if kind == "text/plain":
            data, written = files.uuencoded(data)
            for title, inner in written:
                self._mail.repaired.append("mime.uuencode")
                self._keep(files.GENERIC[0], inner, header.text(title))
        text, mended = decode(data, _parameter(_header(part, "content-type"), "charset"))
        if mended:
            self._mail.repaired.append(mended)
        if kind == "text/html":
            self._shown.update(re.findall(r"cid:([^\"'\s>)]{1,200})", text[:HTML_LIMIT]))
            if len(text) > HTML_LIMIT:
                self._mail.repaired.append("html.cut")
            self._html += len(text)
            text = to_text(text[:HTML_LIMIT], laid_out=self._html <= 2 * LAID_OUT)
        else:
            flowed = _parameter(_header(part, "content-type"), "format") == "flowed"
            delsp = _parameter(_header(part, "content-type"), "delsp") == "yes"
            text = unflow(text, delsp=delsp) if flowed else text.replace("\r\n", "\n")
        self._has_text = self._has_text or bool(text.strip())
        return [_Piece(text, kind == "text/html")]

    def _unwrapped(self, part: Part, kind: str, data: bytes, name: str) -> list[_Piece]:
        """Take the text and the files out of a winmail.dat; one that is broken stays a file."""
        found = tnef.expand(data)
        if found is None:
            self._mail.repaired.append("mime.broken_tnef")
            self._keep(kind, data, name or "winmail.dat", _header(part, "content-id"))
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
                    name=name or "attachment", type=kind, size=len(data),
                    sha256=sha256(data).hexdigest(), refused="it would burst",
                )
            )  # fmt: skip
            return
        if kind in _SIGNED:
            self._mail.repaired.append(f"mime.{_SIGNED[kind]}")
        attachment = Attachment(
            name=name or "attachment", type=files.sniffed(data, kind), size=len(data),
            sha256=sha256(data).hexdigest(),
        )  # fmt: skip
        self._files.append((attachment, data, content_id))


_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")
_SIGNED = {
    "application/pkcs7-mime": "encrypted", "application/x-pkcs7-mime": "encrypted",
    "application/pgp-encrypted": "encrypted", "application/pgp-signature": "signed",
    "application/pkcs7-signature": "signed", "application/x-pkcs7-signature": "signed",
}  # fmt: skip
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


def payload(part: Part, repaired: list[str]) -> bytes:
    """Return a leaf's bytes with its transfer encoding taken off, as far as that can be done."""
    # get_payload() would decode 8-bit text by the declared charset, and lose what does not fit.
    held = part._payload  # type: ignore[attr-defined]  # the only way to the bytes as they came
    raw = str(held if held is not None else "").encode("utf-8", "surrogateescape")
    words = re.findall(rb"[a-z0-9-]+", _header(part, "content-transfer-encoding").lower())
    encoding = words[0] if words else b""
    if encoding == b"base64":
        if is_base64(raw):
            return unbase64(raw)
        repaired.append("mime.bad_base64")
        return raw
    if encoding in (b"quoted-printable", b"quoted"):
        return unquote(raw)
    if encoding in (b"x-uuencode", b"uuencode", b"x-uue"):
        decoded = part.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else raw
    return raw


_QUOTES = re.compile(rb'"(?:[^"\\]|\\.)*"')


def _masked(value: bytes) -> bytes:
    """Return a header of the same length whose quoted strings hold nothing that looks like more."""
    return _QUOTES.sub(lambda m: b'"' + b"." * (len(m[0]) - 2) + b'"', value)


def _parameter(value: bytes, name: str) -> str | None:
    match = re.search(
        rb";\s*" + re.escape(name.encode()) + rb"\s*=\s*(\"[^\"]*\"|[^\s;]+)",
        _masked(value), re.IGNORECASE,
    )  # fmt: skip
    if match is None:
        return None
    return value[match.start(1) : match.end(1)].strip(b"\"'").decode("ascii", "replace").lower()


def filename(part: Part) -> str:
    """Return an attachment's name, however its parameter is encoded; without any path."""
    for key, parameter in (("content-disposition", b"filename"), ("content-type", b"name")):
        value = _header(part, key)
        found = _rfc2231(value, parameter) or _simple(value, parameter)
        if found:
            return re.split(r"[/\\]", found)[-1][:255]
    return ""


def _simple(value: bytes, parameter: bytes) -> str:
    match = re.search(
        rb"(?:^|[;\s])" + parameter + rb"\s*=\s*(\"[^\"]*\"|=\?.*\?=|[^;\r\n]+)",
        _masked(value), re.IGNORECASE | re.DOTALL,
    )  # fmt: skip
    if match is None:
        return ""
    found = value[match.start(1) : match.end(1)]
    return header.text(found.strip().strip(b'"').replace(b'\\"', b'"'))


def _rfc2231(value: bytes, parameter: bytes) -> str:
    pattern = parameter + rb"(?:\*(\d+))?(\*)?\s*=\s*(\"[^\"]*\"|[^;\s]+)"
    pieces: dict[int, tuple[bool, bytes]] = {}
    for match in re.finditer(rb"(?:^|[;\s])" + pattern, value, re.IGNORECASE):
        if match[1] is None and match[2] is None:
            continue
        pieces[int((match[1] or b"0")[:4])] = (match[2] is not None, match[3].strip(b'"'))
    if not pieces:
        return ""
    label, data, first = None, b"", min(pieces)
    for number in sorted(pieces)[:200]:
        encoded, piece = pieces[number]
        if number == first and encoded and piece.count(b"'") >= 2:
            charset, _, piece = piece.split(b"'", 2)
            label = charset.decode("ascii", "replace")
        data += urllib.parse.unquote_to_bytes(piece) if encoded else piece
    return header.text(data) if label is None else decode(data, label)[0]


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
