"""Repairs a raw mail so that its header block can be read. Never raises. Pure.

Each repair has a code. The causes are mail that was saved with other line ends, pasted, or written
by programs that put text where headers belong.
"""

import re

_MAX_LINE_BYTES = 64 * 1024  # a header line is cut there
_MAX_SAMPLE_BYTES = 4096  # a mail has its line ends from the beginning
_MAX_TYPE_BYTES = 4 * 1024  # a Content-Type or Content-Disposition is cut there


def repair_mail(raw: bytes) -> tuple[bytes, bytes, list[str]]:
    """Return the mail with a readable header block, its stray lines of text, and the repairs."""
    data = raw
    repaired: list[str] = []
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        repaired.append("mime.byte_order_mark")
    stripped = data.lstrip(b"\r\n")
    if len(stripped) != len(data):
        data = stripped
        repaired.append("mime.leading_blank_lines")
    head = data[:_MAX_SAMPLE_BYTES]
    if b"\r\r\n" in head:
        data = data.replace(b"\r\r\n", b"\r\n")
        repaired.append("mime.line_ends")
    if b"\n" not in head and b"\r" in head:
        data = data.replace(b"\r", b"\n")
        repaired.append("mime.line_ends")
    if data.startswith((b"From ", b">From ")):
        data = data.partition(b"\n")[2]
    mail, stray, repairs = _repair_head(data.replace(b"\r\n", b"\n"))
    return mail, stray, repaired + repairs


_HEADER_LINE = re.compile(rb"^(?:[!-9;-~]+[ \t]*:|[ \t])")
_TYPE_NAME = re.compile(rb"content-(?:type|disposition)", re.IGNORECASE)
_SPACED_NAME = re.compile(rb"^([!-9;-~]+)[ \t]+:", re.MULTILINE)
_MAIL_HEADER = re.compile(
    rb"^(?:from|to|cc|subject|date|message-id|received|return-path|mime-version|content-[\w-]+|"
    rb"in-reply-to|references|reply-to|sender|delivered-to|auto-submitted|precedence|list-[\w-]+|"
    rb"x-[\w-]+|user-agent|importance|priority|resent-[\w-]+|dkim-signature|arc-[\w-]+|thread-"
    rb"[\w-]+|bcc|keywords|comments|organization|errors-to|disposition-notification-to)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


def _repair_head(data: bytes) -> tuple[bytes, bytes, list[str]]:
    """Return the mail, the lines of its header block that are not headers, and the repairs."""
    repaired = []
    head, blank, body = data.partition(b"\n\n")
    if not _MAIL_HEADER.search(head):
        # Without one header of mail all of it is a person's text.
        return b"\n" + data, b"", ["mime.no_headers"]
    if b"\r" in head:
        head = head.replace(b"\r", b" ")
        repaired.append("mime.line_ends")
    head = _SPACED_NAME.sub(rb"\1:", head)
    lines = head.split(b"\n")
    stray = [line for line in lines if not _HEADER_LINE.match(line)]
    if stray:
        lines = [line for line in lines if _HEADER_LINE.match(line)]
        repaired.append("mime.stray_header_line")
    if max(map(len, lines)) > _MAX_TYPE_BYTES:
        lines = [_shorten(line) for line in lines]
        repaired.append("mime.long_header")
    return b"\n".join(lines) + blank + body, b"\n".join(stray), repaired


def _shorten(line: bytes) -> bytes:
    names_type = _TYPE_NAME.match(line) is not None
    return line[: _MAX_TYPE_BYTES if names_type else _MAX_LINE_BYTES]
