"""A raw mail -> the same mail with a header block that can be read. Never raises. Pure.

Before: parser.py has the bytes as they came. After: it reads the parts. Each repair has its code in
`repaired`. The causes are mail that was saved with other line ends, pasted, or put together by
programs that write text where headers belong.
"""

import re

_HEAD_LIMIT = 64 * 1024  # bytes of one header line that are kept
_TYPE_LIMIT = 4 * 1024  # of a Content-Type or Content-Disposition


def repair_mail(raw: bytes, repaired: list[str]) -> tuple[bytes, bytes]:
    """Return the mail with its header block mended, and the lines of the block that are text."""
    data = raw
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        repaired.append("mime.byte_order_mark")
    stripped = data.lstrip(b"\r\n")
    if len(stripped) != len(data):
        data = stripped
        repaired.append("mime.leading_blank_lines")
    head = data[:4096]
    if b"\r\r\n" in head:
        data = data.replace(b"\r\r\n", b"\r\n")
        repaired.append("mime.line_ends")
    if b"\n" not in head and b"\r" in head:
        data = data.replace(b"\r", b"\n")
        repaired.append("mime.line_ends")
    if data.startswith((b"From ", b">From ")):
        data = data.partition(b"\n")[2]
    return _repair_head(data.replace(b"\r\n", b"\n"), repaired)


_HEADER_LINE = re.compile(rb"^(?:[!-9;-~]+[ \t]*:|[ \t])")
_NAME = re.compile(rb"^([!-9;-~]+)[ \t]+:", re.MULTILINE)
_KNOWN = re.compile(
    rb"^(?:from|to|cc|subject|date|message-id|received|return-path|mime-version|content-[\w-]+|"
    rb"in-reply-to|references|reply-to|sender|delivered-to|auto-submitted|precedence|list-[\w-]+|"
    rb"x-[\w-]+|user-agent|importance|priority|resent-[\w-]+|dkim-signature|arc-[\w-]+|thread-"
    rb"[\w-]+|bcc|keywords|comments|organization|errors-to|disposition-notification-to)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


def _repair_head(data: bytes, repaired: list[str]) -> tuple[bytes, bytes]:
    """Mend the header block; lines in it that are no headers are put before the text."""
    head, blank, body = data.partition(b"\n\n")
    if not _KNOWN.search(head):
        # Not one header of the field: all of it is somebody's text.
        repaired.append("mime.no_headers")
        return b"\n" + data, b""
    if b"\r" in head:
        head = head.replace(b"\r", b" ")
        repaired.append("mime.line_ends")
    head = _NAME.sub(rb"\1:", head)
    lines = head.split(b"\n")
    stray = [line for line in lines if not _HEADER_LINE.match(line)]
    if stray:
        lines = [line for line in lines if _HEADER_LINE.match(line)]
        repaired.append("mime.stray_header_line")
    if max(map(len, lines)) > _TYPE_LIMIT:
        lines = [_shortened(line) for line in lines]
        repaired.append("mime.long_header")
    return b"\n".join(lines) + blank + body, b"\n".join(stray)


def _shortened(line: bytes) -> bytes:
    kind = line[:20].lower().startswith((b"content-type", b"content-disposition"))
    return line[: _TYPE_LIMIT if kind else _HEAD_LIMIT]
