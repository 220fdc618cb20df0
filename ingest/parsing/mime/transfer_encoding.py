"""Transfer encodings taken off as far as that can be done. Never raises. Pure.

Before: parser.py and header.py have encoded bytes. After: the bytes that were meant. Source: RFC
2045, section 6; programs cut, pad and fold base64 in ways of their own.
"""

import base64
import binascii
import re

_RUN = re.compile(rb"[A-Za-z0-9+/]+")
_BEHIND = re.compile(rb"(=)[ \t]+[^\r\n]*")
_LINE = re.compile(rb"[A-Za-z0-9+/]{1,1000}={0,2}[ \t]{0,9}$")
_LONG_LINE = re.compile(rb"[A-Za-z0-9+/]{56}")
"""So much of the alphabet in a row is no word."""
_NOISE = re.compile(rb"[^A-Za-z0-9+/=]+")


def unbase64(data: bytes) -> bytes:
    """Decode base64, each padded run by itself, without what is not of its alphabet."""
    made = []
    # What somebody wrote behind the padding on the same line is no part of it.
    data = _BEHIND.sub(rb"\1", data)
    for match in _RUN.finditer(_NOISE.sub(b"", data)):
        run = match[0]
        whole = len(run) // 4 * 4
        rest = run[whole:]
        tail = rest + b"=" * (4 - len(rest)) if len(rest) > 1 else b""
        try:
            made.append(base64.b64decode(run[:whole] + tail))
        except binascii.Error:  # a length that no encoder makes: keep what came before
            made.append(base64.b64decode(run[:whole]))
    return b"".join(made)


def is_base64(data: bytes) -> bool:
    """Say whether almost all of it is of base64's alphabet."""
    sample = data[:20_000]
    return len(_NOISE.sub(b"", sample)) >= 0.9 * len(sample.translate(None, b"\r\n\t "))


def begins_base64(data: bytes) -> bool:
    """Say whether the first line that is not blank is one of base64, and a whole one."""
    first = data.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
    return _LONG_LINE.match(first) is not None and _LINE.match(first) is not None


_WRITTEN_BREAK = re.compile(rb"(?:=0[Dd](?:=0[Aa])?|=0[Aa])(?=[ \t]{0,200}\r?\n)")
"""A line's end that a program encoded and then wrote, too."""
_SOFT_BREAK = re.compile(rb"=[ \t]{0,200}(?:\r?\n|\Z)")
_BYTE = re.compile(rb"=([0-9A-Fa-f]{2})")


def unquote(data: bytes) -> bytes:
    """Decode quoted-printable; blanks behind a soft break were added on the way.

    An "=" that encodes nothing stays, as RFC 2045 section 6.7 suggests: programs that write "=="
    meant two. (Python's decoder makes one of them.)
    """
    return _BYTE.sub(lambda m: bytes((int(m[1], 16),)), _SOFT_BREAK.sub(b"", data))


def unquote_text(data: bytes) -> bytes:
    """Decode quoted-printable of a text: a line's end that stands there twice is one."""
    return unquote(_WRITTEN_BREAK.sub(b"", data))


def unbase64_text(data: bytes) -> bytes:
    """Decode base64 of a text; a list's footer that a server wrote below it is read as it is."""
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    end = next((i for i, line in enumerate(lines) if line.strip() and not _LINE.match(line)), 0)
    footer = lines[end:]
    if not end or any(_LONG_LINE.match(line) for line in footer):
        return unbase64(data)
    return unbase64(b"\n".join(lines[:end])).rstrip(b"\r\n") + b"\n" + b"\n".join(footer)
