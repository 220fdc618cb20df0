"""Raw mail headers -> text, addresses, dates and ids. Never raises.

Before: parser.py hands the bytes of a header. After: Message's fields. Python's own parser is not
used for values: it gives up on many that customers' programs really send.
Source: RFC 5322, RFC 2047, RFC 2231.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from ingest.parsing.letters.charset import decode
from ingest.parsing.mime.dates import header_date, zone_of
from ingest.parsing.mime.transfer_encoding import unbase64
from schemas.message import Handle, Party

_ADDRESS_LIMIT = 320  # RFC 5321: 64 and 255 characters around the @
LIMIT = 256 * 1024
"""Longest header looked at, in bytes: beyond it lie only attacks."""

_TEXT_BYTES = 16 * 1024  # of one text; a subject is cut at 2,000 characters
_PARTY_BYTES = 2 * 1024  # of one address and its name
_PARTIES = 1000  # in one header
_IDS = 1000  # in one header; a thread shows its first and its newest ten

# Every repeat below is bounded: what a stranger leaves open is looked at once, not from each place.
_WORD = re.compile(rb"=\?([^?\s]{1,60})\?([bBqQ])\?([^\s]{0,2000}?|[^?\r\n]{0,300}?)\?=(?!\w\w\?=)")
_GLUE = re.compile(rb"(\?=)[ \t\r\n]{1,200}(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@]{1,128}@[^\s<>()\[\],;:\"@]{1,190}")
_SPACED_AT = re.compile(r"(?<=[\w.+-])[ \t]{1,9}@[ \t]{0,9}(?=[\w-]{1,63}\.)")
_QUOTED_LOCAL = re.compile(r'"[^"@]{1,64}"@[^"]{1,255}$')
_ROUTE = re.compile(r"^(?:@[\w.-]{1,255}[,:]){1,9}")
_MESSAGE_ID = re.compile(r"<([^<>]{1,1000})>")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.){0,1000}"')
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")


def unfold(raw: bytes) -> bytes:
    """Return a header's value on one line, cut at LIMIT."""
    return re.sub(rb"\r?\n[ \t]*", b" ", raw[:LIMIT]).replace(b"\r", b" ").strip()


def text(raw: bytes, charset: str | None = None) -> str:
    """Return a header's text: encoded words, raw 8-bit, or both in one line.

    `charset` is what the mail's body is in: the likeliest for raw bytes that are no UTF-8. Words
    that a server on the way encoded once more are read twice.
    """
    once = _text(raw, charset)
    encoded = once.encode() if "=?" in once and b"=?" in raw else b""
    return _text(encoded, charset) if _WORD.search(encoded) else once


def _text(raw: bytes, charset: str | None) -> str:
    line = _GLUE.sub(rb"\1", unfold(raw)[:_TEXT_BYTES])
    pieces: list[tuple[str | None, list[bytes]]] = []
    at, loose = 0, b""
    for match in _WORD.finditer(line):
        goes_on = pieces and match.start() == at and match[2] in b"bB"
        if loose and not (goes_on and pieces[-1][0] == _label(match)):
            pieces[-1][1].append(unbase64(loose))
            loose = b""
        if match.start() > at:
            pieces.append((None, [line[at : match.start()]]))
        label = _label(match)
        data = match[3]
        if match[2] in b"bB":
            # Base64 may be cut anywhere: what does not make a whole byte goes to the next word.
            data = loose + data if pieces and pieces[-1][0] == label else data
            cut = len(data) // 4 * 4 if b"=" not in data else len(data)
            data, loose = unbase64(data[:cut]), data[cut:]
        else:
            data, loose = _HEX.sub(_byte, data.replace(b"_", b" ")), b""
        # A character may be cut in the middle between two words of one charset: join the bytes.
        if pieces and pieces[-1][0] == label and match.start() == at:
            pieces[-1][1].append(data)
        else:
            pieces.append((label, [data]))
        at = match.end()
    if loose:
        pieces[-1][1].append(unbase64(loose))
    if at < len(line):
        pieces.append((None, [line[at:]]))
    made = "".join(_decoded(b"".join(data), label, charset) for label, data in pieces)
    return re.sub(r"[\x00-\x1f\x7f]+", " ", made).strip()


def _label(word: re.Match[bytes]) -> str:
    """Return the charset of an encoded word, without its language."""
    return word[1].split(b"*")[0].decode("ascii", "replace").lower()


def _decoded(data: bytes, label: str | None, charset: str | None) -> str:
    """Return the text of a piece; raw bytes are in the body's charset unless they are UTF-8."""
    if label is None and charset and (not data.isascii() or b"\x1b" in data):
        try:
            data.decode()
        except UnicodeDecodeError:
            label = charset
    return decode(data, label)[0]


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)])


def parties(raw: bytes, charset: str | None = None) -> tuple[Party, ...]:
    """Return everyone named in an address header, however it is written."""
    line = unfold(raw)
    if not line.isascii() or b"\x1b" in line:
        line = _decoded(line, None, charset).encode()
    pieces = _joined(_split(line)[:_PARTIES])
    return tuple(party for piece in pieces if (party := _party(piece)) is not None)


def _joined(pieces: list[bytes]) -> list[bytes]:
    """Put "Yılmaz, Ada <ada@…>" together again: a name without an address belongs to the next."""
    made: list[bytes] = []
    names: list[bytes] = []
    for piece in pieces:
        if not re.search(rb"@|<|=\?", piece) and len(piece.split(None, 3)) <= 3:
            names.append(piece)
            continue
        if names and piece.partition(b"<")[0].strip(b' "') and (b"<" in piece or b" " in piece):
            piece = b", ".join((*names[-3:], piece))
        elif names:
            made.append(b", ".join(names))
        names = []
        made.append(piece)
    return [*made, b", ".join(names)] if names else made


def _split(line: bytes) -> list[bytes]:
    """Split at commas and semicolons outside quotes, comments and angle brackets; group names
    ("Friends:") go."""
    pieces, start, quoted, depth, angle, address = [], 0, False, 0, False, False
    escaped, last_quote = -1, line.rfind(b'"')
    for match in _SPECIAL.finditer(line):
        at, c = match.start(), match[0]
        if at == escaped:
            continue
        if c == b"\\":
            escaped = at + 1
        elif c == b'"' and not angle and (quoted or at < last_quote):
            quoted = not quoted
        elif not quoted:
            depth += (c == b"(") - (c == b")" and depth > 0)
            angle = (angle or c == b"<") and c != b">"
            address = address or c == b"@"
            if depth or angle:
                continue
            if c in b",;" and not line.startswith((b"&lt;", b"&gt;"), at - 3):
                pieces.append(line[start:at])
                start, address = at + 1, False
            elif c == b":" and not address and line[max(0, at - 6) : at].lower() != b"mailto":
                start = at + 1
    pieces.append(line[start:])
    return [p.strip() for p in pieces if p.strip()]


_SPECIAL = re.compile(rb'[\\"()<>,;:@]')


def _party(piece: bytes) -> Party | None:
    if len(piece) > _PARTY_BYTES:
        # The name stands first, the address last.
        piece = piece[: _PARTY_BYTES // 2] + b" " + piece[-_PARTY_BYTES // 2 :]
    readable = text(piece)
    source = _SPACED_AT.sub("@", piece.decode("utf-8", "replace"))
    source = source.replace("&lt;", "<").replace("&gt;", ">").replace("<<", "<").replace(">>", ">")
    # What stands in quotes is a name, even when it looks like an address: the last angle counts.
    bare = _QUOTED.sub(lambda m: b"." * len(m[0].decode("utf-8", "replace")), source.encode())
    angles = list(re.finditer(r"<([^<>]*)>", bare.decode("utf-8", "replace")))
    match = angles[-1] if angles else re.search(r"<([^<>]*)>", source)
    address = source[match.start(1) : match.end(1)].strip() if match else ""
    name = (source[: match.start()] + source[match.end() :].strip(" .,;")) if match else ""
    if not _ADDRESS.search(address) and not address.startswith('"'):
        found = _ADDRESS.search(source) if not match else None
        if found is None and (found := _ADDRESS.search(readable)) is not None:
            source = readable
        if found is None:
            # "Moderator <moderator>": no address, but a name before it.
            before = readable.partition("<")[0] if "<" in readable else readable
            name = before.strip(" \"'<>") or readable.strip(" \"'<>")
            return Party(name=name) if name else None
        address = found[0]
        name = re.sub(r"[\[<]?(?:mailto:)?$", "", source[: found.start()].rstrip(" ")) + re.sub(
            r"^[\]>]", "", source[found.end() :].lstrip(" ")
        )
        name = name.strip(" <>")
    if not re.fullmatch(r'\s*"(?:[^"\\]|\\.)*"\s*', name):
        comment = re.search(r"\(((?:[^()\\]|\\.)*)\)", name)
        name = re.sub(r"\((?:[^()\\]|\\.)*\)", "", name).strip() or (comment[1] if comment else "")
    clean = text(address.encode()).strip(" <>")
    if not _QUOTED_LOCAL.match(clean):
        clean = _ROUTE.sub("", clean.strip("\"'").removeprefix("mailto:")).replace(" ", "")
    if len(clean) > _ADDRESS_LIMIT or "@" not in clean:
        return Party(name=_clean_name(name) or clean[:200])
    value = normal_address(clean)
    return Party(name=_clean_name(name), handles=(Handle(kind="email", value=value),))


def _clean_name(name: str) -> str:
    """Return a name without the quotes around it, or around its first words."""
    name = re.sub(r"\\(.)", r"\1", text(name.encode()).strip().strip('"')).strip(' "')
    name = re.sub(r"^'([^']{0,300})'(?=\s|$)", r"\1", name)
    # One that was left open: "'Ada" and "Ada'", but not "O'Neil" or "'t Hart".
    if name.count("'") == 1 and not re.match(r"'[a-z]\s", name):
        name = name.strip("'")
    return name.strip()


def normal_address(address: str) -> str:
    """Return an address in lower case, as one mailbox is compared; İ and I become i."""
    return address.replace("İ", "i").replace("I", "i").lower()


def message_ids(raw: bytes) -> tuple[str, ...]:
    """Return the Message-IDs in a header, each with its angle brackets, in their order."""
    line = unfold(raw).decode("utf-8", "replace")
    if "=?" in line and len(raw) <= _TEXT_BYTES:
        line = text(raw)
    matches = [m for m in _MESSAGE_ID.finditer(line) if m[1].strip(" []")]
    if len(matches) > _IDS:
        matches = [*matches[: _IDS // 2], *matches[-_IDS // 2 :]]
    # "Destek <destek@ornek.example> of Friday <id@…>": a name stands before an address, not an id.
    ids = [
        m for m in matches if not re.search(r"\w[ ]+$", line[max(0, m.start() - 40) : m.start()])
    ] or matches
    found = tuple(f"<{_bare_id(m[1])}>" for m in ids)
    if found or "<" in line:
        return found
    tokens = line.split(None, 1)[:1]
    return tuple(f"<{token}>" for token in tokens if len(token) < 900 and "@" in token)


def _bare_id(found: str) -> str:
    """Take off the brackets that Outlook puts around a whole id; <x@[1.2.3.4]> keeps its own."""
    whole = found.replace(" ", "").replace("\x00", "")
    return whole[1:-1] if whole.startswith("[") and whole.endswith("]") else whole


def first_date(values: Iterable[bytes]) -> datetime | None:
    """Return the instant of the first Date header that is a whole one, else of the first that
    tells anything."""
    lines = [text(v[:_DATE_BYTES]) for v, _ in zip(values, range(_DATES), strict=False)]
    whole = next((x for x in lines if _WHOLE.search(x)), lines[0] if lines else "")
    return date(whole.encode()) if whole else None


_DATE_BYTES = 400
_DATES = 20  # Date headers of one mail that are looked at
_WHOLE = re.compile(r"\d:\d{2}(?::\d{2})?\s*[+-]\d{4}\b")


def date(raw: bytes) -> datetime | None:
    """Return a Date header's instant in UTC, None if it can't be one."""
    line = text(raw[:_DATE_BYTES])
    try:
        parts = parsedate_tz(line)
        if parts is None or not 1970 <= parts[0] < 2200:
            return header_date(line)
        if _HALF.search(line):
            return header_date(line, UTC)
        zone = timezone(timedelta(seconds=parts[9] or 0))
        if not parts[9]:
            # A zone that Python does not know; without any it is UTC, as the standard has it.
            zone = zone_of(line.rpartition(":")[2][2:] or line[-12:]) or zone
        year, month, day, hour, minute, second = parts[:6]
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone).astimezone(
            UTC
        )
    except (ValueError, OverflowError, TypeError, IndexError):
        return header_date(line)


_HALF = re.compile(r"\d\s*(?:am|pm|ös|öö)\b", re.IGNORECASE)
