"""Reads the parameters of Content-Type and Content-Disposition, such as a charset or a name. Pure.

Programs break the standards in many ways; this file reads them as people would.
Source: RFC 2045 section 5.1, RFC 2231. RFC 2047 words in a name, which it forbids, are read.
"""

import re
import urllib.parse

from ingest.parsing.letters.charset import decode
from ingest.parsing.mime import header

MAX_NAME_CHARS = 255  # file systems take no longer names
_MAX_PIECES = 200  # the continuations of one parameter (RFC 2231, section 3)
_QUOTES = re.compile(rb'"(?:[^"\\]|\\.){0,1000}"', re.DOTALL)


def parameter(value: bytes, name: bytes) -> bytes:
    """Return the value of a parameter without its quotes, empty when it is absent."""
    if name not in value.lower():
        return b""
    match = re.search(
        rb";\s{0,200}" + re.escape(name) + rb"\s{0,200}=\s{0,200}(\"[^\"]*\"|'[^';]*'|[^\s;]+)",
        _masked(value),
        re.IGNORECASE,
    )
    return value[match.start(1) : match.end(1)].strip(b"\"'") if match else b""


def boundary(value: bytes) -> bytes:
    """Return the boundary of a multipart, empty when it names none."""
    continued = _pieces(value, b"boundary")
    if continued:
        return b"".join(piece for _, piece in continued).rstrip()
    match = re.search(
        rb"(?:^|[;\s])boundary\s{0,200}=\s{0,200}(\"[^\"]*\"?|[^\s;]+)", value, re.IGNORECASE
    )
    return match[1].strip(b'"').rstrip() if match else b""


def filename(disposition: bytes, kind: bytes) -> str:
    """Return the file name in the two headers without its folders, empty when they have none."""
    for value, name in ((disposition, b"filename"), (kind, b"name")):
        if name not in value.lower():
            continue
        title = _rfc2231(value, name) or _simple(value, name)
        if title:
            return re.split(r"[/\\]", title)[-1][:MAX_NAME_CHARS]
    return ""


def _masked(value: bytes) -> bytes:
    """Return a header of the same length in which quoted strings look like plain words."""
    return _QUOTES.sub(lambda m: b'"' + b"." * (len(m[0]) - 2) + b'"', value)


def _simple(value: bytes, name: bytes) -> str:
    match = re.search(
        rb"(?:^|[;\s])" + name + rb"\s{0,200}=\s{0,200}(\"[^\"]*\"|=\?.*\?=|[^;\r\n]+)",
        _masked(value),
        re.IGNORECASE | re.DOTALL,
    )
    if match is None:
        return ""
    raw = value[match.start(1) : match.end(1)]
    return header.decode_header(raw.strip().strip(b'"').replace(b'\\"', b'"'))


def _pieces(value: bytes, name: bytes) -> list[tuple[bool, bytes]]:
    """Return the continuations of a parameter in order; each says if it is percent-encoded."""
    pattern = name + rb"(?:\*(\d+))?(\*)?\s{0,200}=\s{0,200}(\"[^\"]*\"|[^;\s]+)"
    pieces: dict[int, tuple[bool, bytes]] = {}
    for match in re.finditer(rb"(?:^|[;\s])" + pattern, value, re.IGNORECASE):
        if match[1] is not None or match[2] is not None:
            number = int((match[1] or b"0")[:4])
            pieces[number] = (match[2] is not None, match[3].strip(b'"'))
    return [pieces[number] for number in sorted(pieces)[:_MAX_PIECES]]


def _rfc2231(value: bytes, name: bytes) -> str:
    pieces = _pieces(value, name)
    if not pieces:
        return ""
    label = None
    encoded, first = pieces[0]
    if encoded and first.count(b"'") >= 2:
        charset, _, rest = first.split(b"'", 2)
        label = charset.decode("ascii", "replace")
        pieces[0] = (encoded, rest)
    data = b"".join(urllib.parse.unquote_to_bytes(p) if coded else p for coded, p in pieces)
    return header.decode_header(data) if label is None else decode(data, label)[0]
