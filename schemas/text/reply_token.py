"""The signed conversation token that our own mails carry in their Message-ID.

Workers write it into a mail, and ingest finds it in the customer's answer. A reply therefore joins
its conversation whatever the mail program did to the thread. Pure.
"""

import hmac
import re
from hashlib import sha256
from uuid import UUID

# 16 hex digits: 64 bits, far beyond guessing over SMTP, short enough for every header line.
_SIGNATURE = 16
_TOKEN = re.compile(
    r"santral\.([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"\.([0-9a-z]{1,40})\.([0-9a-f]{16})"
)


def _sign(key: bytes, conversation: str, serial: str) -> str:
    return hmac.new(key, f"{conversation}.{serial}".encode(), sha256).hexdigest()[:_SIGNATURE]


def message_id(key: bytes, conversation: str, serial: str, domain: str) -> str:
    """Return the Message-ID, with angle brackets, of our mail `serial` in that conversation."""
    signature = _sign(key, conversation, serial)
    return f"<santral.{conversation}.{serial}.{signature}@{domain}>"


def conversation_of(key: bytes, references: str) -> str | None:
    """Return the conversation of the newest token in that text whose signature holds."""
    token = _newest(key, references)
    return token[0] if token else None


def reply_of(key: bytes, reference: str) -> str | None:
    """Return the id of the reply whose Message-ID that is, None when it is not one of ours."""
    token = _newest(key, reference)
    try:
        return str(UUID(token[1])) if token else None
    except ValueError:
        return None


def _newest(key: bytes, references: str) -> tuple[str, str] | None:
    for match in reversed(list(_TOKEN.finditer(references))):
        conversation, serial, signature = match.groups()
        if hmac.compare_digest(_sign(key, conversation, serial), signature):
            return conversation, serial
    return None
