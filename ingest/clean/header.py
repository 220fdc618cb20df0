"""Raw mail headers -> text, addresses, dates and ids. Never raises.

Before: mime.py hands the bytes of a header. After: Message's fields. Python's own parser is not
used for values: it gives up on many that customers' programs really send.
Source: RFC 5322, RFC 2047, RFC 2231.
"""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from ingest.clean.charset import decode
from schemas.message import Handle, Party

LIMIT = 64 * 1024
"""Longest header looked at, in bytes: beyond it lie only attacks."""

_WORD = re.compile(rb"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
_GLUE = re.compile(rb"(\?=)[ \t\r\n]+(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@]+@[^\s<>()\[\],;:\"]+")
_MESSAGE_ID = re.compile(r"<\[?\s*([^<>\[\]]*?[^<>\[\]\s])\s*\]?>")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")


def unfold(raw: bytes) -> bytes:
    """Return a header's value on one line, cut at LIMIT."""
    return re.sub(rb"\r?\n[ \t]*", b" ", raw[:LIMIT]).replace(b"\r", b" ").strip()


def text(raw: bytes) -> str:
    """Return a header's text: encoded words, raw 8-bit, or both in one line."""
    line = _GLUE.sub(rb"\1", unfold(raw))
    pieces: list[tuple[str | None, bytes]] = []
    at = 0
    for match in _WORD.finditer(line):
        if match.start() > at:
            pieces.append((None, line[at : match.start()]))
        label = match[1].split(b"*")[0].decode("ascii", "replace").lower()
        data = _word(match[2].lower(), match[3])
        # A character may be cut in the middle between two words of one charset: join the bytes.
        if pieces and pieces[-1][0] == label and match.start() == at:
            pieces[-1] = (label, pieces[-1][1] + data)
        else:
            pieces.append((label, data))
        at = match.end()
    if at < len(line):
        pieces.append((None, line[at:]))
    made = "".join(decode(data, label)[0] for label, data in pieces)
    return re.sub(r"[\x00-\x1f\x7f]+", " ", made).strip()


def _word(encoding: bytes, data: bytes) -> bytes:
    if encoding == b"q":
        return _HEX.sub(lambda m: bytes([int(m[1], 16)]), data.replace(b"_", b" "))
    bare = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    try:
        return base64.b64decode(bare[: len(bare) // 4 * 4] + _tail(bare))
    except binascii.Error:
        return data


def _tail(bare: bytes) -> bytes:
    rest = bare[len(bare) // 4 * 4 :]
    return rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""


def parties(raw: bytes) -> tuple[Party, ...]:
    """Return everyone named in an address header, however it is written."""
    line = unfold(raw)
    if not line.isascii():
        line = decode(line)[0].encode()
    found = []
    for piece in _split(line):
        party = _party(piece)
        if party is not None:
            found.append(party)
    return tuple(found)


def _split(line: bytes) -> list[bytes]:
    """Split at commas and semicolons outside quotes, comments and angle brackets; group names
    ("Friends:") go."""
    pieces, start, quoted, depth, angle = [], 0, False, 0, False
    at = 0
    while at < len(line):
        c = line[at : at + 1]
        if c == b"\\":
            at += 1
        elif c == b'"' and not angle and (quoted or line.find(b'"', at + 1) > 0):
            quoted = not quoted
        elif not quoted:
            depth += (c == b"(") - (c == b")" and depth > 0)
            angle = (angle or c == b"<") and c != b">"
            if c in b",;" and not depth and not angle:
                pieces.append(line[start:at])
                start = at + 1
            elif c == b":" and not depth and not angle and b"@" not in line[start:at]:
                start = at + 1
        at += 1
    pieces.append(line[start:])
    return [p.strip() for p in pieces if p.strip()]


def _party(piece: bytes) -> Party | None:
    readable = text(piece)
    source = piece.decode("utf-8", "replace")
    match = re.search(r"<\s*([^<>]*?)\s*>", source)
    address = match[1].strip() if match else ""
    name = (source[: match.start()] + source[match.end() :]) if match else ""
    if not _ADDRESS.search(address):
        found = _ADDRESS.search(source) if not match else None
        if found is None and (found := _ADDRESS.search(readable)) is not None:
            source = readable
        if found is None:
            name = text(piece).strip(" \"'<>")
            return Party(name=name) if name else None
        address = found[0]
        name = (source[: found.start()] + source[found.end() :]).strip(" <>")
    comment = re.search(r"\(((?:[^()\\]|\\.)*)\)", name)
    name = re.sub(r"\((?:[^()\\]|\\.)*\)", "", name).strip() or (comment[1] if comment else "")
    name = text(name.encode()).strip()
    name = re.sub(r"\\(.)", r"\1", name.strip('"').strip("'")).strip(' "')
    clean = text(address.encode()).strip(" <>\"'").removeprefix("mailto:")
    return Party(name=name, handles=(Handle(kind="email", value=normal_address(clean)),))


def normal_address(address: str) -> str:
    """Return an address in lower case, as one mailbox is compared; İ and I become i."""
    return address.replace("İ", "i").replace("I", "i").lower()


def message_ids(raw: bytes) -> tuple[str, ...]:
    """Return the Message-IDs in a header, each with its angle brackets, in their order."""
    line = unfold(raw).decode("utf-8", "replace")
    if "=?" in line:
        line = text(raw)
    found = tuple(f"<{m[1].replace(' ', '')}>" for m in _MESSAGE_ID.finditer(line))
    if found or "<" in line:
        return found
    return tuple(f"<{token}>" for token in line.split() if "@" in token)


def date(raw: bytes) -> datetime | None:
    """Return a Date header's instant in UTC, None if it can't be one."""
    line = unfold(raw).decode("ascii", "replace")
    try:
        parts = parsedate_tz(line)
        if parts is None:
            return None
        zone = timezone(timedelta(seconds=parts[9] or 0))
        return datetime(*parts[:6], tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
