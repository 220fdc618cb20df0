"""Encodes the name of a mailbox for IMAP, in modified UTF-7. Pure. Source: RFC 3501, 5.1.3."""

import base64
import re

_NOT_ASCII = re.compile(r"[^ -~]+")


def encode_mailbox(name: str) -> str:
    """Return a quoted mailbox name: "Gönderilmiş" is "G&APY-nderilmi&AV8-"."""
    encoded = _NOT_ASCII.sub(_encode_run, name.replace("&", "&-"))
    escaped = encoded.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _encode_run(match: re.Match[str]) -> str:
    """Return a run of characters outside of ASCII as `&…-`."""
    body = base64.b64encode(match[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
    return f"&{body}-"
