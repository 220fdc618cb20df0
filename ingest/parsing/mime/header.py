"""Reads texts, addresses, dates and ids from raw mail headers. Never raises.

Python's own parser does not read values here, because it gives up on many that customers' programs
really send. Source: RFC 5322, RFC 2047, RFC 2231.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz

from ingest.parsing.letters.charset import decode
from ingest.parsing.mime.dates import parse_written_date, parse_zone
from ingest.parsing.mime.transfer_encoding import unbase64
from schemas.message import Handle, Party

_MAX_NAME_CHARS = 200
_MAX_ADDRESS_CHARS = 320  # RFC 5321 allows 64 and 255 characters around the @
MAX_HEADER_BYTES = 256 * 1024
"""A header is cut there; only attacks are longer."""

_MAX_TEXT_BYTES = 16 * 1024  # a text is cut there; mail/message.py cuts a subject once more
_MAX_PARTY_BYTES = 2 * 1024  # an address with its name is cut there
_MAX_PARTIES = 1000  # the rest of a header is not read
_MAX_IDS = 1000  # the first and the newest half; a thread shows its first and its newest ten

# Every repeat below is bounded, so that the search for a missing end costs linear time.
_WORD = re.compile(rb"=\?([^?\s]{1,60})\?([bBqQ])\?([^\s]{0,2000}?|[^?\r\n]{0,300}?)\?=(?!\w\w\?=)")
_GLUE = re.compile(rb"(\?=)[ \t\r\n]{1,200}(?==\?[^?\s]{1,60}\?[bBqQ]\?)")
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@]{1,128}@[^\s<>()\[\],;:\"@]{1,190}")
_SPACED_AT = re.compile(r"(?<=[\w.+-])[ \t]{1,9}@[ \t]{0,9}(?=[\w-]{1,63}\.)")
_QUOTED_LOCAL = re.compile(r'"[^"@]{1,64}"@[^"]{1,255}$')
_ROUTE = re.compile(r"^(?:@[\w.-]{1,255}[,:]){1,9}")
_MESSAGE_ID = re.compile(r"<([^<>]{1,1000})>")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.){0,1000}"')
_QUOTED_NAME = re.compile(r'\s*"(?:[^"\\]|\\.)*"\s*')
_SINGLE_QUOTED = re.compile(r"^'([^']{0,300})'(?=\s|$)")
_COMMENT = re.compile(r"\(((?:[^()\\]|\\.)*)\)")
_ANGLE = re.compile(r"<([^<>]*)>")
_ESCAPED = re.compile(r"\\(.)")
_NAME_BEFORE = re.compile(r"\w[ ]+$")
_HEX = re.compile(rb"=([0-9A-Fa-f]{2})")
_FOLD = re.compile(rb"\r?\n[ \t]*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


def unfold(raw: bytes) -> bytes:
    """Return a header's value on one line, cut at MAX_HEADER_BYTES."""
    line = raw[:MAX_HEADER_BYTES]
    if b"\n" in line:
        line = _FOLD.sub(b" ", line)
    return line.replace(b"\r", b" ").strip()


def decode_header(raw: bytes, charset: str | None = None) -> str:
    """Return the text of a header with encoded words, raw 8-bit bytes, or both.

    `charset` is the one of the mail's body, which is the likeliest of raw bytes that are not UTF-8.
    Words that a server on the way encoded a second time are decoded twice.
    """
    if b"=?" not in raw:
        return _without_controls(_decode_piece(unfold(raw)[:_MAX_TEXT_BYTES], None, charset))
    once = _decode_words(raw, charset)
    encoded = once.encode() if "=?" in once else b""
    return _decode_words(encoded, charset) if _WORD.search(encoded) else once


def _decode_words(raw: bytes, charset: str | None) -> str:
    line = _GLUE.sub(rb"\1", unfold(raw)[:_MAX_TEXT_BYTES])
    pieces: list[tuple[str | None, list[bytes]]] = []
    end, loose = 0, b""
    for match in _WORD.finditer(line):
        continues = pieces and match.start() == end and match[2] in b"bB"
        if loose and not (continues and pieces[-1][0] == _word_charset(match)):
            pieces[-1][1].append(unbase64(loose))
            loose = b""
        if match.start() > end:
            pieces.append((None, [line[end : match.start()]]))
        label = _word_charset(match)
        data = match[3]
        if match[2] in b"bB":
            # Programs cut base64 anywhere, so incomplete bytes go to the next word.
            data = loose + data if pieces and pieces[-1][0] == label else data
            cut = len(data) // 4 * 4 if b"=" not in data else len(data)
            data, loose = unbase64(data[:cut]), data[cut:]
        else:
            data, loose = _HEX.sub(_byte, data.replace(b"_", b" ")), b""
        # Two words of one charset can share a character, so their bytes are joined.
        if pieces and pieces[-1][0] == label and match.start() == end:
            pieces[-1][1].append(data)
        else:
            pieces.append((label, [data]))
        end = match.end()
    if loose:
        pieces[-1][1].append(unbase64(loose))
    if end < len(line):
        pieces.append((None, [line[end:]]))
    decoded = "".join(_decode_piece(b"".join(data), label, charset) for label, data in pieces)
    return _without_controls(decoded)


def _without_controls(text: str) -> str:
    return _CONTROLS.sub(" ", text).strip()


def _word_charset(word: re.Match[bytes]) -> str:
    """Return the charset of an encoded word, without its language."""
    return word[1].split(b"*")[0].decode("ascii", "replace").lower()


def _decode_piece(data: bytes, label: str | None, charset: str | None) -> str:
    """Return the text of a piece; raw bytes that are not UTF-8 have the charset of the body."""
    if label is None and charset and (not data.isascii() or b"\x1b" in data):
        try:
            data.decode()
        except UnicodeDecodeError:
            label = charset
    return decode(data, label)[0]


def _byte(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)])


def parse_addresses(raw: bytes, charset: str | None = None) -> tuple[Party, ...]:
    """Return the parties in an address header, in any spelling."""
    if not raw:
        return ()
    line = unfold(raw)
    if not line.isascii() or b"\x1b" in line:
        line = _decode_piece(line, None, charset).encode()
    pieces = _join_names(_split_addresses(line)[:_MAX_PARTIES])
    return tuple(party for piece in pieces if (party := _parse_address(piece)) is not None)


def _join_names(pieces: list[bytes]) -> list[bytes]:
    """Join "Yılmaz, Ada <ada@…>", because a name without an address belongs to the next one."""
    joined: list[bytes] = []
    names: list[bytes] = []
    for piece in pieces:
        if not re.search(rb"@|<|=\?", piece) and len(piece.split(None, 3)) <= 3:
            names.append(piece)
            continue
        if names and piece.partition(b"<")[0].strip(b' "') and (b"<" in piece or b" " in piece):
            piece = b", ".join((*names[-3:], piece))
        elif names:
            joined.append(b", ".join(names))
        names = []
        joined.append(piece)
    return [*joined, b", ".join(names)] if names else joined


def _split_addresses(line: bytes) -> list[bytes]:
    """Split at commas and semicolons outside quotes, comments and angle brackets.

    The names of groups ("Friends:") are left out.
    """
    pieces, start, quoted, depth, angle, address = [], 0, False, 0, False, False
    escaped, last_quote = -1, line.rfind(b'"')
    for match in _SPECIAL.finditer(line):
        index, special = match.start(), match[0]
        if index == escaped:
            continue
        if special == b"\\":
            escaped = index + 1
        elif special == b'"' and not angle and (quoted or index < last_quote):
            quoted = not quoted
        elif not quoted:
            depth += (special == b"(") - (special == b")" and depth > 0)
            angle = (angle or special == b"<") and special != b">"
            address = address or special == b"@"
            if depth or angle:
                continue
            if special in b",;" and not line.startswith((b"&lt;", b"&gt;"), index - 3):
                pieces.append(line[start:index])
                start, address = index + 1, False
            elif (
                special == b":"
                and not address
                and line[max(0, index - 6) : index].lower() != b"mailto"
            ):
                start = index + 1
    pieces.append(line[start:])
    return [p.strip() for p in pieces if p.strip()]


_SPECIAL = re.compile(rb'[\\"()<>,;:@]')


def _parse_address(piece: bytes) -> Party | None:
    if len(piece) > _MAX_PARTY_BYTES:
        # The name comes first, the address last.
        piece = piece[: _MAX_PARTY_BYTES // 2] + b" " + piece[-_MAX_PARTY_BYTES // 2 :]
    source = _SPACED_AT.sub("@", piece.decode("utf-8", "replace"))
    source = source.replace("&lt;", "<").replace("&gt;", ">").replace("<<", "<").replace(">>", ">")
    # Quoted text is a name, even when it looks like an address; the last angle bracket counts.
    angles = list(_ANGLE.finditer(_without_quotes(source)))
    match = angles[-1] if angles else _ANGLE.search(source)
    address = source[match.start(1) : match.end(1)].strip() if match else ""
    name = (source[: match.start()] + source[match.end() :].strip(" .,;")) if match else ""
    if not _ADDRESS.search(address) and not address.startswith('"'):
        readable = decode_header(piece)
        loose_match = _ADDRESS.search(source) if not match else None
        if loose_match is None and (loose_match := _ADDRESS.search(readable)) is not None:
            source = readable
        if loose_match is None:
            # "Moderator <moderator>" has a name and no address.
            before = readable.partition("<")[0] if "<" in readable else readable
            name = before.strip(" \"'<>") or readable.strip(" \"'<>")
            return Party(name=name) if name else None
        address = loose_match[0]
        name = re.sub(
            r"[\[<]?(?:mailto:)?$", "", source[: loose_match.start()].rstrip(" ")
        ) + re.sub(r"^[\]>]", "", source[loose_match.end() :].lstrip(" "))
        name = name.strip(" <>")
    if "(" in name and not _QUOTED_NAME.fullmatch(name):
        comment = _COMMENT.search(name)
        name = _COMMENT.sub("", name).strip() or (comment[1] if comment else "")
    normal = decode_header(address.encode()).strip(" <>")
    if not _QUOTED_LOCAL.match(normal):
        normal = _ROUTE.sub("", normal.strip("\"'").removeprefix("mailto:")).replace(" ", "")
    if len(normal) > _MAX_ADDRESS_CHARS or "@" not in normal:
        return Party(name=_clean_name(name) or normal[:_MAX_NAME_CHARS])
    value = normalize_address(normal)
    return Party(name=_clean_name(name), handles=(Handle(kind="email", value=value),))


def _without_quotes(source: str) -> str:
    """Return a text of the same length with dots in place of quoted text."""
    if '"' not in source:
        return source
    bare = _QUOTED.sub(lambda m: b"." * len(m[0].decode("utf-8", "replace")), source.encode())
    return bare.decode("utf-8", "replace")


def _clean_name(name: str) -> str:
    """Return a name without the quotes around it, or around its first words."""
    name = _ESCAPED.sub(r"\1", decode_header(name.encode()).strip().strip('"')).strip(' "')
    if "'" not in name:
        return name.strip()
    name = _SINGLE_QUOTED.sub(r"\1", name)
    # A single quote of "'Ada" or "Ada'", but not of "O'Neil" or "'t Hart".
    if name.count("'") == 1 and not re.match(r"'[a-z]\s", name):
        name = name.strip("'")
    return name.strip()


def normalize_address(address: str) -> str:
    """Return an address in lower case, with İ and I as i, so that one mailbox is one text."""
    return address.replace("İ", "i").replace("I", "i").lower()


def parse_message_ids(raw: bytes) -> tuple[str, ...]:
    """Return the Message-IDs in a header in order, each with its angle brackets."""
    line = unfold(raw).decode("utf-8", "replace")
    if "=?" in line and len(raw) <= _MAX_TEXT_BYTES:
        line = decode_header(raw)
    matches = [m for m in _MESSAGE_ID.finditer(line) if m[1].strip(" []")]
    if len(matches) > _MAX_IDS:
        matches = [*matches[: _MAX_IDS // 2], *matches[-_MAX_IDS // 2 :]]
    # In "Destek <destek@ornek.example> of Friday <id@…>" a name comes before an address, not an id.
    ids = [
        m for m in matches if not _NAME_BEFORE.search(line[max(0, m.start() - 40) : m.start()])
    ] or matches
    bracketed = tuple(f"<{_bare_id(m[1])}>" for m in ids)
    if bracketed or "<" in line:
        return bracketed
    tokens = line.split(None, 1)[:1]
    return tuple(f"<{token}>" for token in tokens if len(token) < 900 and "@" in token)


def _bare_id(written: str) -> str:
    """Remove the brackets that Outlook puts around an id; <x@[1.2.3.4]> keeps its own."""
    bare = written.replace(" ", "").replace("\x00", "")
    return bare[1:-1] if bare.startswith("[") and bare.endswith("]") else bare


def parse_first_date(values: Iterable[bytes]) -> datetime | None:
    """Return the time of the first complete Date header, else of the first one."""
    lines = [
        decode_header(v[:_MAX_DATE_BYTES]) for v, _ in zip(values, range(_MAX_DATES), strict=False)
    ]
    line = next((x for x in lines if _COMPLETE_DATE.search(x)), lines[0] if lines else "")
    return parse_date(line.encode()) if line else None


_MAX_DATE_BYTES = 400
_MAX_DATES = 20  # the rest of a mail's Date headers is not read
_COMPLETE_DATE = re.compile(r"\d:\d{2}(?::\d{2})?\s*[+-]\d{4}\b")


def parse_date(raw: bytes) -> datetime | None:
    """Return the time of a Date header in UTC, None when it is not a date."""
    line = decode_header(raw[:_MAX_DATE_BYTES])
    try:
        parts = parsedate_tz(line)
        if parts is None or not 1970 <= parts[0] < 2200:
            return parse_written_date(line)
        if _HALF_OF_DAY.search(line):
            return parse_written_date(line, UTC)
        zone = timezone(timedelta(seconds=parts[9] or 0))
        if not parts[9]:
            # Python does not know the zone; a date without a zone is UTC by the standard.
            zone = parse_zone(line.rpartition(":")[2][2:] or line[-12:]) or zone
        year, month, day, hour, minute, second = parts[:6]
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone).astimezone(
            UTC
        )
    except (ValueError, OverflowError, TypeError, IndexError):
        return parse_written_date(line)


_HALF_OF_DAY = re.compile(r"\d\s*(?:am|pm|ös|öö)\b", re.IGNORECASE)
