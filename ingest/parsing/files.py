"""Detects the type of a file by its bytes, finds files written into a text, and finds bombs. Pure.

Source: the PKZIP application note; POSIX uuencode.
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
"""Types that programs declare when they do not know the type."""

_SAMPLE_BYTES = 8 * 1024
_MAX_UNPACKED_BYTES = 1024 * 1024 * 1024  # a larger unpacked size is a bomb's, and an eighth of it
_MAX_RATIO = 200  # when it is also this many times the packed size
_MAX_MEMBERS = 20_000
_MAX_READ_NAMES = 200  # an office file has its folder among its first members
_TEXT = re.compile(rb"^[\t\n\r\x20-\x7e\x80-\xff]*$")
_OFFICE_FOLDERS = {
    "word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def detect_type(data: bytes, declared: str) -> str:
    """Return the type of a file, as declared unless that is generic or the bytes deny it."""
    program = _program_type(data)
    if declared in GENERIC or "/" not in declared:
        return program or _type_by_bytes(data)
    # The type warns people of a program that calls itself a picture or a document.
    return program if program and declared not in _PROGRAMS else declared


_PROGRAMS = (
    "application/x-msdownload",
    "application/x-dosexec",
    "application/x-executable",
    "application/x-mach-binary",
)


def _program_type(data: bytes) -> str:
    if data[:2] == b"MZ":
        return "application/x-msdownload"
    return "application/x-executable" if data[:4] == b"\x7fELF" else ""


def _type_by_bytes(data: bytes) -> str:
    if data[:4] == b"PK\x03\x04":
        return _zip_type(data)
    if data[:4] == b"%PDF":
        return "application/pdf"
    try:
        kind = str(puremagic.from_string(data[:_SAMPLE_BYTES], mime=True))
    except (puremagic.PureError, ValueError, IndexError, UnicodeError):
        kind = ""
    # puremagic guesses where a file has no signature; only its guesses of media are reliable.
    if kind.startswith(("image/", "audio/", "video/")):
        return kind
    return "text/plain" if data and _TEXT.match(data[:_SAMPLE_BYTES]) else GENERIC[0]


def _members(data: bytes) -> list[zipfile.ZipInfo] | None:
    """Return the members in the directory of a ZIP file, None when it cannot be read.

    zipfile raises NotImplementedError for versions that it does not know.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return file.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None


def _zip_type(data: bytes) -> str:
    names = [member.filename for member in (_members(data) or ())[:_MAX_READ_NAMES]]
    for start, kind in _OFFICE_FOLDERS.items():
        if any(name.startswith(start) for name in names):
            return kind
    return "application/zip"


def is_bomb(data: bytes) -> bool:
    """Say whether a packed file would fill disks, by its directory or by unpacking it."""
    if data[:4] == b"PK\x03\x04":
        return _is_zip_bomb(data)
    if data[:2] == b"\x1f\x8b":
        return _is_gzip_bomb(data)
    return False


def _is_zip_bomb(data: bytes) -> bool:
    members = _members(data)
    if members is None:
        return False
    size = sum(m.file_size for m in members)
    # Members that share bytes turn 42 kB into petabytes.
    ranges = sorted((m.header_offset, m.compress_size) for m in members)
    starts = [start for start, _ in ranges]
    for start, packed in ranges:
        if packed and bisect(starts, start + packed - 1) > bisect(starts, start):
            return True
    return len(members) > _MAX_MEMBERS or (
        size > _MAX_UNPACKED_BYTES // 8 and size > len(data) * _MAX_RATIO
    )


def _is_gzip_bomb(data: bytes) -> bool:
    limit = max(_MAX_UNPACKED_BYTES // 8, len(data) * _MAX_RATIO)
    decompressor = zlib.decompressobj(31)
    unpacked, rest = 0, data
    try:
        while rest and unpacked <= limit:
            unpacked += len(decompressor.decompress(rest, 1 << 20))
            rest = decompressor.unconsumed_tail
    except zlib.error:
        return False
    return unpacked > limit


_MAX_ENCODED_FILES = 200  # only bombs have more files in one text
_BEGIN = re.compile(rb"^begin(-base64)? [0-7]{3,4} +([^\r\n]{1,255})\r?$", re.MULTILINE)


def split_uuencoded(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return a text without the files written into it, and these files with their names."""
    if b"begin" not in data:
        return data, []
    texts: list[bytes] = []
    files: list[tuple[bytes, bytes]] = []
    position = 0
    for match in islice(_BEGIN.finditer(data), _MAX_ENCODED_FILES):
        if match.start() < position:
            continue
        end = re.compile(rb"^====\r?$" if match[1] else rb"^end\r?$", re.MULTILINE).search(
            data, match.end()
        )
        if end is None:
            break
        body = _decode_lines(data[match.end() : end.start()], base64=bool(match[1]))
        if body is None:
            continue
        texts.append(data[position : match.start()])
        files.append((match[2].strip(), body))
        position = end.end()
    return b"".join((*texts, data[position:])), files


def _decode_lines(body: bytes, *, base64: bool) -> bytes | None:
    """Return the bytes of encoded lines, None for a text that begins like "begin 644 ..."."""
    try:
        if base64:
            return binascii.a2b_base64(body)
        lines = [x for x in body.splitlines() if x and x != b"`"]
        return b"".join([_decode_line(x) for x in lines])
    except binascii.Error:
        return None


def _decode_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some programs pad a line by an extra byte; the declared length counts.
        length = (((line[0] - 32) & 63) * 4 + 5) // 3
        return binascii.a2b_uu(line[: length + 1])
