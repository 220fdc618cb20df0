"""What a file really is: its type by its bytes, files written into text, and bombs. Pure.

Before: mime/parser.py has the bytes of a part. After: Attachment.type; what only would burst is
refused. Source: the PKZIP application note; POSIX uuencode.
"""

import binascii
import io
import re
import zipfile
import zlib
from bisect import bisect
from itertools import islice

import puremagic

GENERIC = (
    "application/octet-stream",
    "application/x-msdownload",
    "application/unknown",
    "binary/octet-stream",
    "application/binary",
    "application/force-download",
    "application/x-download",
    "application/download",
)
"""Types that say nothing."""

_SNIFFED = 8 * 1024
_BURST = 1024 * 1024 * 1024  # bytes a file may unpack to, when it is
_RATIO = 200  # times its own size
_MEMBERS = 20_000
_TEXT = re.compile(rb"^[\t\n\r\x20-\x7e\x80-\xff]*$")
_OFFICE = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def sniffed(data: bytes, declared: str) -> str:
    """Return a file's type: as declared unless that says nothing or the bytes deny it."""
    program = _program(data)
    if declared in GENERIC or "/" not in declared:
        return program or _by_bytes(data)
    # A program that calls itself a picture or a document is what people must be warned of.
    return program if program and declared not in _PROGRAMS else declared


_PROGRAMS = (
    "application/x-msdownload",
    "application/x-dosexec",
    "application/x-executable",
    "application/x-mach-binary",
)


def _program(data: bytes) -> str:
    if data[:2] == b"MZ":
        return "application/x-msdownload"
    return "application/x-executable" if data[:4] == b"\x7fELF" else ""


def _by_bytes(data: bytes) -> str:
    if data[:4] == b"PK\x03\x04":
        return _zipped(data)
    if data[:4] == b"%PDF":
        return "application/pdf"
    try:
        kind = str(puremagic.from_string(data[:_SNIFFED], mime=True))
    except (puremagic.PureError, ValueError, IndexError, UnicodeError):
        kind = ""
    # Of what has no plain mark it guesses: only pictures, sound and film are certain enough.
    if kind.startswith(("image/", "audio/", "video/")):
        return kind
    return "text/plain" if data and _TEXT.match(data[:_SNIFFED]) else GENERIC[0]


def _members(data: bytes) -> list[zipfile.ZipInfo] | None:
    """Return what a ZIP file's directory lists; None when it can't be read (zipfile raises
    NotImplementedError for versions it does not know)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return file.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None


def _zipped(data: bytes) -> str:
    names = [m.filename for m in (_members(data) or ())[:200]]
    for start, kind in _OFFICE.items():
        if any(n.startswith(start) for n in names):
            return kind
    return "application/zip"


def bursts(data: bytes) -> bool:
    """Say whether a packed file would fill disks: by what it says, and by what it does."""
    if data[:4] == b"PK\x03\x04":
        return _zip_bursts(data)
    if data[:2] == b"\x1f\x8b":
        return _gzip_bursts(data)
    return False


def _zip_bursts(data: bytes) -> bool:
    members = _members(data)
    if members is None:
        return False
    size = sum(m.file_size for m in members)
    # Members that share bytes: what 42 kB would be worth petabytes with.
    places = sorted((m.header_offset, m.compress_size) for m in members)
    starts = [at for at, _ in places]
    for at, packed in places:
        if packed and bisect(starts, at + packed - 1) > bisect(starts, at):
            return True
    return len(members) > _MEMBERS or (size > _BURST // 8 and size > len(data) * _RATIO)


def _gzip_bursts(data: bytes) -> bool:
    limit = max(_BURST // 8, len(data) * _RATIO)
    opened = zlib.decompressobj(31)
    made, rest = 0, data
    try:
        while rest and made <= limit:
            made += len(opened.decompress(rest, 1 << 20))
            rest = opened.unconsumed_tail
    except zlib.error:
        return False
    return made > limit


_WRITTEN = 200  # files in one text that are looked for; beyond lie only bombs
_BEGIN = re.compile(rb"^begin(-base64)? [0-7]{3,4} +([^\r\n]{1,255})\r?$", re.MULTILINE)


def uuencoded(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return a text without the files that are written into it, and those with their names."""
    if b"begin" not in data:
        return data, []
    kept: list[bytes] = []
    files: list[tuple[bytes, bytes]] = []
    at = 0
    for match in islice(_BEGIN.finditer(data), _WRITTEN):
        if match.start() < at:
            continue
        end = re.compile(rb"^====\r?$" if match[1] else rb"^end\r?$", re.MULTILINE).search(
            data, match.end()
        )
        if end is None:
            break
        body = _decoded(data[match.end() : end.start()], base64=bool(match[1]))
        if body is None:
            continue
        kept.append(data[at : match.start()])
        files.append((match[2].strip(), body))
        at = end.end()
    return b"".join((*kept, data[at:])), files


def _decoded(body: bytes, *, base64: bool) -> bytes | None:
    """Return what the lines hold; None when they are text after all ("begin 644 ...")."""
    try:
        if base64:
            return binascii.a2b_base64(body)
        lines = [x for x in body.splitlines() if x and x != b"`"]
        return b"".join([_line(x) for x in lines])
    except binascii.Error:
        return None


def _line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some programs pad a line by a byte too many: what it says of its length counts.
        need = (((line[0] - 32) & 63) * 4 + 5) // 3
        return binascii.a2b_uu(line[: need + 1])
