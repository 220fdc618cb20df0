"""The SMTP envelope of a mail: written on top of it, as who delivers last does. Pure.

Before: a hook or the mail door knows who sent and to whom. After: the parser reads it as headers; a
null sender is often all that shows a bounce. Source: RFC 5321, 4.4.
"""

from schemas.base import Record

IN_BUCKET = "mail in a bucket"
"""The hint of a delivery that is an InBucket."""


class InBucket(Record, frozen=True, kw_only=True):
    """A mail that lies in the account's bucket, and its envelope."""

    key: str
    sender: str | None = None
    to: str = ""


def with_envelope(raw: bytes, sender: str | None, to: str) -> bytes:
    """Return the mail with Return-Path (unless it has one or none is known) and Delivered-To."""
    head = b""
    if sender is not None and raw[:12].lower() != b"return-path:":
        head = b"Return-Path: <" + _safe(sender) + b">\r\n"
    return head + (b"Delivered-To: " + _safe(to) + b"\r\n" if to else b"") + raw


def _safe(address: str) -> bytes:
    bare = "".join(c for c in address.strip().strip("<>") if c >= " ")
    return bare.encode("utf-8", "surrogateescape")
