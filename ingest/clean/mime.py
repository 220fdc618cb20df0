"""A raw mail -> its headers, texts and files. Never raises on any bytes but on none at all.

Before: ingest/channels/email.py hands raw RFC 5322 bytes. After: the same file makes a Message.
Python's parser splits the parts; every value is read from the raw bytes by header.py and
charset.py. What had to be mended is listed in `repaired`. Source: RFC 5322, 2045-2049, 2231.
"""

import base64
import binascii
import email
import re
import urllib.parse
from dataclasses import dataclass, field
from email.message import Message as Part
from email.policy import compat32
from hashlib import sha256

from ingest.clean import header
from ingest.clean.charset import decode
from ingest.clean.html import to_text
from schemas.errors import Rejected
from schemas.message import Attachment

PART_LIMIT = 300
"""Parts looked at; beyond it lie only bombs (`mime.too_many_parts`)."""

HTML_LIMIT = 2 * 1024 * 1024
"""Longest HTML laid out, in characters: laying out takes time that grows with it."""


@dataclass
class Mail:
    """What was found in a mail; header values stay raw bytes until asked for."""

    headers: list[tuple[str, bytes]]
    text: str = ""
    html: bool = False
    files: list[tuple[Attachment, bytes]] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    content_type: str = "text/plain"

    def raw(self, name: str) -> bytes | None:
        """Return the first value of a header as it came, None if there is none."""
        name = name.lower()
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> bytes:
        """Return every value of a header, joined by commas."""
        return b", ".join(value for key, value in self.headers if key == name.lower())

    def get(self, name: str) -> str:
        """Return the first value of a header as text; empty if there is none."""
        raw = self.raw(name)
        return header.text(raw) if raw is not None else ""


def parse(raw: bytes) -> Mail:
    """Read a mail; raise Rejected(mime.empty) when there is nothing to read."""
    repaired: list[str] = []
    mended = _mend(raw, repaired)
    if not mended.strip():
        raise Rejected("mime.empty")
    try:
        top: Part = email.message_from_bytes(mended, policy=compat32)
    except (RecursionError, ValueError, IndexError, LookupError, AttributeError, TypeError):
        # The structure defeats Python's parser: keep the headers, and the rest as text.
        head, _, body = mended.partition(b"\n\n")
        mail = Mail(_plain_headers(head), repaired=[*repaired, "mime.broken_structure"])
        mail.text = decode(body)[0]
        return mail
    mail = Mail(_headers(top), repaired=repaired, content_type=_type(top))
    texts = _Texts()
    _walk(top, mail, texts)
    mail.text, mail.html = texts.joined()
    mail.repaired = list(dict.fromkeys(mail.repaired))
    return mail


def _mend(raw: bytes, repaired: list[str]) -> bytes:
    """Mend what makes headers look like body: byte-order mark, leading lines, odd line ends."""
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
    return _drop_stray_lines(data.replace(b"\r\n", b"\n"), repaired)


_HEADER_LINE = re.compile(rb"^(?:[!-9;-~]+[ \t]*:|[ \t])")


def _drop_stray_lines(data: bytes, repaired: list[str]) -> bytes:
    """Take a line without a colon out of the header block when headers go on behind it."""
    head, blank, body = data.partition(b"\n\n")
    lines = head.split(b"\n")
    if not blank and not _HEADER_LINE.match(lines[0]):
        repaired.append("mime.no_headers")
        return b"\n" + data
    good = [bool(_HEADER_LINE.match(line)) for line in lines[:1000]]
    if all(good) or len(lines) > 1000:
        return data
    if not any(good):
        repaired.append("mime.no_headers")
        return b"\n" + data
    first_bad = good.index(False)
    if not any(good[first_bad:]):
        return data
    kept = [line for line, fine in zip(lines, good, strict=True) if fine]
    repaired.append("mime.stray_header_line")
    return b"\n".join(kept) + blank + body


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
    value = _header(part, "content-type").split(b";")[0].strip().lower()
    kind = value.decode("ascii", "replace")
    return kind if re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind) else "text/plain"


class _Texts:
    """The readable parts in their order, plain preferred to HTML within an alternative."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, bool]] = []

    def add(self, text: str, html: bool) -> None:
        if text.strip():
            self.pieces.append((text, html))

    def joined(self) -> tuple[str, bool]:
        text = "\n\n".join(piece.strip("\n") for piece, _ in self.pieces)
        return text, bool(self.pieces) and all(html for _, html in self.pieces)


def _walk(top: Part, mail: Mail, texts: _Texts) -> None:
    """Look at every part; a list instead of recursion, so that depth is no weapon."""
    stack: list[tuple[Part, _Texts, bool]] = [(top, texts, False)]
    alternatives: list[tuple[_Texts, _Texts]] = []
    seen = 0
    while stack:
        part, into, related = stack.pop()
        seen += 1
        if seen > PART_LIMIT:
            mail.repaired.append("mime.too_many_parts")
            break
        kind = _type(part)
        inner = part.get_payload()
        if kind == "message/rfc822" or kind == "message/global":
            _keep(part, mail, kind, _embedded(part))
        elif isinstance(inner, list) and inner:
            children = [p for p in inner if isinstance(p, Part)]
            if kind == "multipart/alternative":
                branch = _Texts()
                alternatives.append((branch, into))
                into.pieces.append(("", False))
                into_index = len(into.pieces) - 1
                _alternative(children, mail, branch, stack)
                _settle(branch, into, into_index)
            else:
                related = related or kind == "multipart/related"
                stack.extend((child, into, related) for child in reversed(children))
        else:
            if kind.startswith("multipart/"):
                mail.repaired.append("mime.no_parts")
                kind = "text/plain"
            _leaf(part, kind, mail, into, related)


def _alternative(
    children: list[Part], mail: Mail, branch: _Texts, stack: list[tuple[Part, _Texts, bool]]
) -> None:
    """Read an alternative's text branches now; anything else in it goes on the stack."""
    for child in children:
        kind = _type(child)
        if child.is_multipart() and kind.startswith("multipart/"):
            readable = [p for p in child.walk() if _type(p) in ("text/plain", "text/html")]
            others = [
                p for p in child.walk()
                if not p.is_multipart() and p not in readable[:PART_LIMIT]
            ]  # fmt: skip
            for p in readable[:1]:
                _leaf(p, _type(p), mail, branch, related=True)
            stack.extend((p, _Texts(), True) for p in others[:PART_LIMIT])
        elif kind in ("text/plain", "text/html"):
            _leaf(child, kind, mail, branch, related=True)
        else:
            stack.append((child, branch, True))


def _settle(branch: _Texts, into: _Texts, index: int) -> None:
    """Put the best branch of an alternative where the alternative stands."""
    plain = [piece for piece in branch.pieces if not piece[1]]
    chosen = plain or branch.pieces[-1:]
    into.pieces[index : index + 1] = chosen


def _leaf(part: Part, kind: str, mail: Mail, into: _Texts, related: bool) -> None:
    disposition = _header(part, "content-disposition").lower()
    name = filename(part)
    attached = disposition.startswith(b"attachment")
    data = payload(part, mail.repaired)
    if kind in ("text/plain", "text/html") and not attached and not (name and not related):
        text, mended = decode(data, _parameter(_header(part, "content-type"), "charset"))
        if mended:
            mail.repaired.append(mended)
        if kind == "text/html":
            into.add(to_text(text[:HTML_LIMIT]), html=True)
        else:
            flowed = _parameter(_header(part, "content-type"), "format") == "flowed"
            into.add(unflow(text) if flowed else text.replace("\r\n", "\n"), html=False)
    elif data or name:
        # What the HTML shows by its Content-ID is a picture, whatever its disposition says.
        shown = related and bool(_header(part, "content-id"))
        inline = disposition.startswith(b"inline") or shown or (related and not attached)
        _keep(part, mail, kind, data, name, inline=inline)


def _keep(
    part: Part, mail: Mail, kind: str, data: bytes, name: str = "", *, inline: bool = False
) -> None:
    name = name or filename(part)
    if not name and kind == "message/rfc822":
        name = "message.eml"
    attachment = Attachment(
        name=name or "attachment", type=kind, size=len(data), sha256=sha256(data).hexdigest(),
        inline=inline,
    )  # fmt: skip
    mail.files.append((attachment, data))


def payload(part: Part, repaired: list[str]) -> bytes:
    """Return a leaf's bytes with its transfer encoding taken off, as far as that can be done."""
    inner = part.get_payload()
    if isinstance(inner, list):
        return _embedded(part)
    # get_payload() would decode 8-bit text by the declared charset, and lose what does not fit.
    held = part._payload  # type: ignore[attr-defined]  # the only way to the bytes as they came
    raw = str(held if held is not None else "").encode("utf-8", "surrogateescape")
    encoding = _header(part, "content-transfer-encoding").strip().lower()
    if encoding == b"base64":
        bare = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.split(b"=")[0] if raw.count(b"=") < 3 else raw)
        whole = bare[: len(bare) // 4 * 4]
        rest = bare[len(whole) :]
        try:
            return base64.b64decode(whole + (rest + b"=" * (4 - len(rest)) if rest[1:] else b""))
        except binascii.Error:
            repaired.append("mime.bad_base64")
            return raw
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(raw)
    if encoding in (b"x-uuencode", b"uuencode", b"x-uue"):
        decoded = part.get_payload(decode=True)
        return decoded if isinstance(decoded, bytes) else raw
    return raw


def _embedded(part: Part) -> bytes:
    inner = part.get_payload()
    if not isinstance(inner, list):
        return payload(part, [])
    made = []
    for child in inner:
        if not isinstance(child, Part):
            continue
        head = b"".join(k.encode() + b": " + v + b"\n" for k, v in _headers(child))
        made.append(head + b"\n" + payload(child, []))
    return b"\n".join(made)


def _parameter(value: bytes, name: str) -> str | None:
    match = re.search(
        rb";\s*" + re.escape(name.encode()) + rb"\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s;]+)",
        value, re.IGNORECASE,
    )  # fmt: skip
    return match[1].strip(b"\"'").decode("ascii", "replace").lower() if match else None


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
        rb"(?:^|[;\s])" + parameter + rb"\s*=\s*(\"(?:[^\"\\]|\\.)*\"|=\?.*\?=|[^;\r\n]+)",
        value, re.IGNORECASE | re.DOTALL,
    )  # fmt: skip
    return header.text(match[1].strip().strip(b'"').replace(b'\\"', b'"')) if match else ""


def _rfc2231(value: bytes, parameter: bytes) -> str:
    pattern = parameter + rb"(?:\*(\d+))?(\*)?\s*=\s*(\"[^\"]*\"|[^;\s]+)"
    pieces: dict[int, tuple[bool, bytes]] = {}
    for match in re.finditer(rb"(?:^|[;\s])" + pattern, value, re.IGNORECASE):
        if match[1] is None and match[2] is None:
            continue
        pieces[int((match[1] or b"0")[:4])] = (match[2] is not None, match[3].strip(b'"'))
    if not pieces:
        return ""
    label, data = None, b""
    for number in sorted(pieces):
        encoded, piece = pieces[number]
        if number == min(pieces) and encoded and piece.count(b"'") >= 2:
            charset, _, piece = piece.split(b"'", 2)
            label = charset.decode("ascii", "replace")
        data += urllib.parse.unquote_to_bytes(piece) if encoded else piece
    return header.text(data) if label is None else decode(data, label)[0]


def unflow(text: str) -> str:
    """Join the lines of format=flowed text (RFC 3676); quoted lines stay apart."""
    made: list[str] = []
    joining = False
    for line in text.replace("\r\n", "\n").split("\n"):
        stuffed = line[1:] if line.startswith(" ") else line
        quoted = line.startswith(">")
        if joining and not quoted:
            made[-1] += stuffed
        else:
            made.append(stuffed)
        joining = not quoted and stuffed.endswith(" ") and stuffed != "-- "
    return "\n".join(made)
