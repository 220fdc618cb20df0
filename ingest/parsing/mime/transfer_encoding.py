"""Decodes transfer encodings as far as possible. Never raises. Pure.

Programs cut, pad and fold base64 in ways of their own. Source: RFC 2045, section 6.
"""

import base64
import binascii
import re
import string

_BEHIND_PADDING = re.compile(rb"(=)[ \t]+[^\r\n]*")
_LINE = re.compile(rb"[A-Za-z0-9+/]{1,1000}={0,2}[ \t]{0,9}$")
_LONG_LINE = re.compile(rb"[A-Za-z0-9+/]{56}")
"""Words are never this long."""
_ALPHABET = f"{string.ascii_letters}{string.digits}+/=".encode()
_NOT_BASE64 = bytes(set(range(256)).difference(_ALPHABET))


def unbase64(data: bytes) -> bytes:
    """Decode base64; each padded run is decoded by itself, and other characters are left out."""
    decoded = []
    if b"=" in data:
        # Text behind the padding on the same line does not belong to it.
        data = _BEHIND_PADDING.sub(rb"\1", data)
    for run in filter(None, data.translate(None, _NOT_BASE64).split(b"=")):
        complete = len(run) // 4 * 4
        rest = run[complete:]
        tail = rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""
        try:
            decoded.append(base64.b64decode(run[:complete] + tail))
        except binascii.Error:  # no encoder writes this length; the bytes before it are valid
            decoded.append(base64.b64decode(run[:complete]))
    return b"".join(decoded)


_MAX_SAMPLE_BYTES = 20_000


def is_base64(data: bytes) -> bool:
    """Say whether nearly all bytes of a sample belong to the alphabet of base64."""
    sample = data[:_MAX_SAMPLE_BYTES]
    return len(sample.translate(None, _NOT_BASE64)) >= 0.9 * len(sample.translate(None, b"\r\n\t "))


def begins_base64(data: bytes) -> bool:
    """Say whether the first line that is not blank is a full line of base64."""
    first = data.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
    return _LONG_LINE.match(first) is not None and _LINE.match(first) is not None


_WRITTEN_BREAK = re.compile(rb"(?:=0[Dd](?:=0[Aa])?|=0[Aa])(?=[ \t]{0,200}\r?\n)")
"""A line end that a program encoded and wrote, too."""
_SOFT_BREAK = re.compile(rb"=[ \t]{0,200}(?:\r?\n|\Z)")
_BYTE = re.compile(rb"=([0-9A-Fa-f]{2})")


def unquote(data: bytes) -> bytes:
    """Decode quoted-printable; blanks behind a soft break were added on the way.

    An "=" that encodes nothing stays, as RFC 2045 section 6.7 suggests, because programs that write
    "==" mean two. Python's decoder makes one of them.
    """
    return _BYTE.sub(lambda m: bytes((int(m[1], 16),)), _SOFT_BREAK.sub(b"", data))


def unquote_text(data: bytes) -> bytes:
    """Decode quoted-printable of a text, in which an encoded and written line end is one."""
    return unquote(_WRITTEN_BREAK.sub(b"", data))


def unbase64_text(data: bytes) -> bytes:
    """Decode base64 of a text; a footer that a list's server appended is kept as it is."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    end = next((i for i, line in enumerate(lines) if line.strip() and not _LINE.match(line)), 0)
    footer = lines[end:]
    if not end or any(_LONG_LINE.match(line) for line in footer):
        return unbase64(data)
    return unbase64(b"\n".join(lines[:end])).rstrip(b"\r\n") + b"\n" + b"\n".join(footer)
