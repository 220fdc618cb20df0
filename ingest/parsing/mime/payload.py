"""The contents of a part, and what its headers say of them. Never raises. Pure.

Source: RFC 2045, RFC 2183, RFC 3676.
"""

import re

from ingest.parsing import files
from ingest.parsing.mime.parameters import filename, parameter
from ingest.parsing.mime.structure import MimeEntity
from ingest.parsing.mime.transfer_encoding import (
    begins_base64,
    is_base64,
    unbase64,
    unbase64_text,
    unquote,
    unquote_text,
)


def decode_payload(entity: MimeEntity, *, is_text: bool = False) -> tuple[bytes, list[str]]:
    """Return the body of a part without its transfer encoding, and the codes of repairs.

    A text that people read (`is_text`) loses line ends that are encoded and written; a file keeps
    every byte.
    """
    raw = entity.body
    words = re.findall(rb"[a-z0-9-]+", entity.header("content-transfer-encoding").lower())
    encoding = words[0] if words else b""
    if encoding == b"base64":
        if is_base64(raw) or (is_text and begins_base64(raw)):
            return unbase64_text(raw) if is_text else unbase64(raw), []
        return raw, ["mime.bad_base64"]
    if encoding in (b"quoted-printable", b"quoted"):
        return unquote_text(raw) if is_text else unquote(raw), []
    if encoding in (b"x-uuencode", b"uuencode", b"x-uue"):
        _, encoded_files = files.split_uuencoded(raw)
        return encoded_files[0][1] if encoded_files else raw, []
    return raw, []


def declared_charset(entity: MimeEntity) -> str:
    """Return the charset that a part declares, empty when it declares none."""
    return parameter(entity.header("content-type"), b"charset").decode("ascii", "replace")


def disposition(entity: MimeEntity) -> bytes:
    """Return the Content-Disposition in lower case."""
    return entity.header("content-disposition").lower()


def file_name(entity: MimeEntity) -> str:
    """Return the file name of a part, empty when it has none."""
    return filename(entity.header("content-disposition"), entity.header("content-type"))


def unflow(text: str, *, delsp: bool = False) -> str:
    """Join the lines of format=flowed text (RFC 3676); quoted lines stay apart."""
    paragraphs: list[list[str]] = []
    joining = False
    for line in text.replace("\r\n", "\n").split("\n"):
        stuffed = line[1:] if line.startswith(" ") else line
        quoted = line.startswith(">")
        flowing = not quoted and stuffed.endswith(" ") and stuffed != "-- "
        piece = stuffed[:-1] if flowing and delsp else stuffed
        if joining and not quoted and stuffed != "-- ":
            paragraphs[-1].append(piece)
        else:
            paragraphs.append([piece])
        joining = flowing
    return "\n".join("".join(pieces) for pieces in paragraphs)
