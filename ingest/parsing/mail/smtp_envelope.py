"""Writes the SMTP envelope on top of a mail, as the last mail server does. Pure.

A webhook or the LMTP door knows the envelope, and the parser reads it as headers. A null sender is
often the only sign of a bounce. Source: RFC 5321, section 4.4.
"""

from schemas.base import Record


class InBucket(Record, frozen=True, kw_only=True):
    """The key of a mail in the account's bucket, and its envelope."""

    key: str
    sender: str | None = None
    to: str = ""


def with_envelope(raw: bytes, sender: str | None, to: str) -> bytes:
    """Return the mail with Delivered-To, and with Return-Path when it is known and absent."""
    head = b""
    if sender is not None and raw[:12].lower() != b"return-path:":
        head = b"Return-Path: <" + _safe(sender) + b">\r\n"
    return head + (b"Delivered-To: " + _safe(to) + b"\r\n" if to else b"") + raw


def _safe(address: str) -> bytes:
    bare = "".join(c for c in address.strip().strip("<>") if c >= " ")
    return bare.encode("utf-8", "surrogateescape")
