"""The parts of a mail, by their places in its bytes. Never raises. Pure.

Before: parser.py has a mail whose header block is mended. After: the same file reads each part.
A multipart is split when somebody asks for its parts, and only by its own boundary: so the cost
grows with the mail's length, whatever it nests, and nothing here recurses.
Source: RFC 2045, RFC 2046 section 5.1, RFC 5322 section 2.2.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.parsing.mime.parameters import boundary

MAX_HEADERS = 2000
"""Headers of one part that are read; mails have about 30, mail that went through lists 100."""

_VALUE_BYTES = 256 * 1024  # of one header, its folded lines together
_CONTENT_BYTES = 4 * 1024  # of a Content-* header: names and boundaries are short
_NO_HEADER = re.compile(rb"^(?![!-9;-~]{1,1000}:|[ \t]|From )", re.MULTILINE)
_ANY_BOUNDARY = re.compile(rb"^--([^\s\"][^\r\n\"]{0,98})[ \t]{0,100}\r?$", re.MULTILINE)
_SEPARATOR_END = re.compile(rb"(--)?[ \t]{0,200}\r?(?:\n|\Z)")
_KIND = re.compile(r"[\w.+-]+/[\w.+-]+")

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of `data`, or all of it: its headers, and where its body lies."""

    headers: Headers = field(repr=False)
    data: bytes = field(repr=False)
    start: int
    end: int
    default_kind: str = "text/plain"

    @property
    def body(self) -> bytes:
        """Return the body as it came, in its transfer encoding."""
        return self.data[self.start : self.end]

    @property
    def kind(self) -> str:
        """Return the content type in lower case; text/plain where it is none."""
        words = self.header("content-type").replace(b'"', b"").split(b";")[0].split()
        if not words:
            return self.default_kind
        kind = words[0].lower().decode("ascii", "replace")
        return kind if _KIND.fullmatch(kind) else "text/plain"

    def header(self, name: str) -> bytes:
        """Return the first value of a header as it came; empty if there is none."""
        return next((value for key, value in self.headers if key == name), b"")


def read_part(data: bytes, start: int = 0, end: int | None = None, kind: str = "") -> Part:
    """Return the part between two places of `data`; `kind` is what it is when it does not say."""
    end = len(data) if end is None else end
    match = _NO_HEADER.search(data, start, end)
    stop = match.start() if match else end
    # The blank line between headers and body belongs to neither.
    body = stop
    for line_end in (b"\r\n", b"\n"):
        if data.startswith(line_end, stop, end):
            body = stop + len(line_end)
            break
    return Part(read_headers(data[start:stop]), data, body, end, kind or "text/plain")


def read_headers(block: bytes) -> Headers:
    """Return the headers in a block of lines, names in lower case, values still folded."""
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
    most = _CONTENT_BYTES if name.startswith("content-") else _VALUE_BYTES
    return b"\n".join(lines)[:most].strip()


def split_parts(part: Part, separator: bytes) -> Iterator[Part]:
    """Yield the parts of a multipart, each when it is asked for; nothing when it has none."""
    kind = "message/rfc822" if part.kind == "multipart/digest" else ""
    begin: int | None = None
    for start, match in _separators(part, separator):
        if begin is not None:
            yield read_part(part.data, begin, _line_end(part.data, begin, start), kind)
        begin = match.end()
        if match[1]:
            return
    if begin is not None and begin < part.end:
        # The mail was cut off: its last line end may be the missing separator's.
        end = _line_end(part.data, begin, part.end) if part.end == len(part.data) else part.end
        yield read_part(part.data, begin, end, kind)


def separator_of(part: Part) -> bytes:
    """Return the boundary that a multipart names and uses; empty if it does not."""
    named = boundary(part.header("content-type"))
    return named if named and next(_separators(part, named), None) else b""


def _separators(part: Part, separator: bytes) -> Iterator[tuple[int, re.Match[bytes]]]:
    """Yield the place of every line that is this separator, and what stands behind it."""
    needle = b"--" + separator
    start = part.data.find(needle, part.start, part.end)
    while start >= 0:
        match = _SEPARATOR_END.match(part.data, start + len(needle), part.end)
        if match and (start == part.start or part.data[start - 1 : start] == b"\n"):
            yield start, match
        start = part.data.find(needle, start + len(needle), part.end)


def _line_end(data: bytes, begin: int, end: int) -> int:
    """Return where a part ends: the line end before a separator is the separator's."""
    end -= end > begin and data[end - 1 : end] == b"\n"
    return end - (end > begin and data[end - 1 : end] == b"\r")


def guess_separator(part: Part) -> bytes:
    """Return what looks like a boundary in a multipart that names none, or another one."""
    match = _ANY_BOUNDARY.search(part.data, part.start, part.end)
    return match[1].strip() if match else b""
