"""Splits a mail into its parts, by their offsets in its bytes. Never raises. Pure.

A multipart is split when a caller iterates over its parts, and only by its own boundary, and
nothing here recurses, so the cost grows with the length of the mail, however deep it nests.
Source: RFC 2045, RFC 2046 section 5.1, RFC 5322 section 2.2.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.parsing.mime.parameters import boundary

MAX_HEADERS = 2000
"""The rest of a part's headers is not read; mails have about 30, mail of lists about 100."""

_MAX_VALUE_BYTES = 256 * 1024  # a header with its folded lines is cut there
_MAX_CONTENT_BYTES = 4 * 1024  # a Content-* header is cut there; names and boundaries are short
_NOT_HEADER = re.compile(rb"^(?![!-9;-~]{1,1000}:|[ \t]|From )", re.MULTILINE)
_ANY_BOUNDARY = re.compile(rb"^--([^\s\"][^\r\n\"]{0,98})[ \t]{0,100}\r?$", re.MULTILINE)
_SEPARATOR_END = re.compile(rb"(--)?[ \t]{0,200}\r?(?:\n|\Z)")
_KIND = re.compile(r"[\w.+-]+/[\w.+-]+")

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class MimeEntity:
    """A mail or a part of one (RFC 2045, section 2.4); its body is `data[start:end]`."""

    headers: Headers = field(repr=False)
    data: bytes = field(repr=False)
    start: int
    end: int
    default_kind: str = "text/plain"

    @property
    def body(self) -> bytes:
        """Return the body in its transfer encoding."""
        return self.data[self.start : self.end]

    @property
    def kind(self) -> str:
        """Return the content type in lower case, `text/plain` for an invalid one."""
        words = self.header("content-type").replace(b'"', b"").split(b";")[0].split()
        if not words:
            return self.default_kind
        kind = words[0].lower().decode("ascii", "replace")
        return kind if _KIND.fullmatch(kind) else "text/plain"

    def header(self, name: str) -> bytes:
        """Return the first value of a header in raw bytes, empty when the part has none."""
        return next((value for key, value in self.headers if key == name), b"")


def read_entity(data: bytes, start: int = 0, end: int | None = None, kind: str = "") -> MimeEntity:
    """Return the entity at `data[start:end]`; `kind` is its type when it declares none."""
    end = len(data) if end is None else end
    match = _NOT_HEADER.search(data, start, end)
    stop = match.start() if match else end
    # The blank line between headers and body belongs to neither.
    body = stop
    for line_end in (b"\r\n", b"\n"):
        if data.startswith(line_end, stop, end):
            body = stop + len(line_end)
            break
    return MimeEntity(read_headers(data[start:stop]), data, body, end, kind or "text/plain")


def read_headers(block: bytes) -> Headers:
    """Return the headers in a block of lines; names in lower case, values folded."""
    lines: list[tuple[str, list[bytes]]] = []
    for line in block.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            if lines:
                lines[-1][1].append(line)
            continue
        name, colon, value = line.partition(b":")
        if colon and name and not line.startswith(b"From "):
            if len(lines) == MAX_HEADERS:
                break
            lines.append((name.strip().decode("ascii", "replace").lower(), [value]))
    return [(name, _value(name, values)) for name, values in lines]


def _value(name: str, lines: list[bytes]) -> bytes:
    limit = _MAX_CONTENT_BYTES if name.startswith("content-") else _MAX_VALUE_BYTES
    return b"\n".join(lines)[:limit].strip()


def split_parts(entity: MimeEntity, separator: bytes) -> Iterator[MimeEntity]:
    """Yield the parts of a multipart; each is read when the caller asks for it."""
    kind = "message/rfc822" if entity.kind == "multipart/digest" else ""
    begin: int | None = None
    for start, match in _separators(entity, separator):
        if begin is not None:
            yield read_entity(entity.data, begin, _line_end(entity.data, begin, start), kind)
        begin = match.end()
        if match[1]:
            return
    if begin is not None and begin < entity.end:
        # In a truncated mail the last line end belongs to the missing separator.
        end = (
            _line_end(entity.data, begin, entity.end)
            if entity.end == len(entity.data)
            else entity.end
        )
        yield read_entity(entity.data, begin, end, kind)


def separator_of(entity: MimeEntity) -> bytes:
    """Return the boundary that a multipart names and uses, else empty bytes."""
    named = boundary(entity.header("content-type"))
    return named if named and next(_separators(entity, named), None) else b""


def _separators(entity: MimeEntity, separator: bytes) -> Iterator[tuple[int, re.Match[bytes]]]:
    """Yield the offset of every line that is this separator, and the match of its end."""
    needle = b"--" + separator
    start = entity.data.find(needle, entity.start, entity.end)
    while start >= 0:
        match = _SEPARATOR_END.match(entity.data, start + len(needle), entity.end)
        if match and (start == entity.start or entity.data[start - 1 : start] == b"\n"):
            yield start, match
        start = entity.data.find(needle, start + len(needle), entity.end)


def _line_end(data: bytes, begin: int, end: int) -> int:
    """Return the end of a part; the line end before a separator belongs to the separator."""
    end -= end > begin and data[end - 1 : end] == b"\n"
    return end - (end > begin and data[end - 1 : end] == b"\r")


def guess_separator(entity: MimeEntity) -> bytes:
    """Return what looks like a boundary in a multipart that names none, or a wrong one."""
    match = _ANY_BOUNDARY.search(entity.data, entity.start, entity.end)
    return match[1].strip() if match else b""
