"""Makes a Message of the headers of a mail that no parser can read, for a person. Pure.

ingest/intake/accept.py calls it after the email channel raised or exceeded its time or memory, and
the router sends the Message to triage. A good parse gives the same id and conversation, so a later
parse of the same bytes edits this Message instead of adding a second one.
"""

import re
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from ingest.parsing.automail.detection import wants_no_answer
from ingest.parsing.mail.author import find_author
from ingest.parsing.mail.message import (
    CHANNEL,
    MAX_SUBJECT_CHARS,
    MessageIds,
    choose_conversation,
    identify,
)
from ingest.parsing.mime import header
from ingest.parsing.mime.parsed_mail import Mail
from schemas.base import message_id
from schemas.message import Handle, Message, Party

T = TypeVar("T")

TEXT = (
    "Bu e-posta okunamadı. Gelen hâli ham kayıtta duruyor, oradan açabilirsiniz.\n"
    "This mail could not be read. The raw record holds it as it came."
)

_MAX_HEAD_BYTES = 64 * 1024  # the rest of the mail is not read
_MAX_VALUE_BYTES = 8 * 1024  # a header is cut there; Message-IDs and addresses are shorter
_MAX_HEADERS = 200
_MAX_NAME_CHARS = 200
_LINE = re.compile(rb"([!-9;-~]{1,76})[ \t]*:(.*)", re.DOTALL)
_ADDRESS = re.compile(rb"[\w.+'=/-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}", re.ASCII)


def unreadable_message(
    raw: bytes,
    *,
    brand: str,
    account: str,
    received_at: datetime,
    mailbox: str = "",
    position: str | None = None,
    signing_key: bytes = b"",
) -> Message:
    """Return a Message with the headers of a mail and a sentence in place of its text.

    It never raises, because a header that its usual function cannot read is read plainly or left
    out.
    """
    mail = Mail(read_headers(raw))
    no_parties: tuple[Party, ...] = ()
    recipients = _attempt(lambda: mail.parties("to") + mail.parties("cc"), no_parties)
    identity = _attempt(
        lambda: identify(mail, raw, account, mailbox, recipients), _plain_identity(mail, raw)
    )
    subject = _attempt(lambda: mail.get("subject"), _plain(mail.raw("subject") or b""))
    source = f"{CHANNEL}:{account}"
    return Message(
        id=message_id(CHANNEL, source, identity.native),
        brand=brand,
        channel=CHANNEL,
        source=source,
        native_id=identity.native,
        conversation=choose_conversation(brand, identity, signing_key),
        kind="mail",
        sender=_attempt(lambda: find_author(mail), _plain_sender(mail)),
        recipients=recipients,
        subject=subject[:MAX_SUBJECT_CHARS],
        text=TEXT,
        full_text=TEXT,
        sent_at=_attempt(lambda: header.parse_first_date(mail.values("date")), None),
        received_at=received_at,
        repaired=("unreadable",),
        position=position,
        thread=identity.newest,
        flags=("no_automatic_answer",) if _is_from_machine(mail) else (),
    )


def read_headers(raw: bytes) -> list[tuple[str, bytes]]:
    """Return the headers in the first 64 KB of a mail; names in lower case, values unfolded.

    Other lines are skipped. It returns at most 200 headers of 8 KB each.
    """
    start = raw[:_MAX_HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")
    text = start.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    headers: list[tuple[str, bytes]] = []
    for line in re.split(rb"\n(?![ \t])", text.partition(b"\n\n")[0]):
        match = _LINE.match(line)
        if match and len(headers) < _MAX_HEADERS:
            value = re.sub(rb"\n[ \t]*", b" ", match[2][:_MAX_VALUE_BYTES]).replace(b"\0", b"")
            headers.append((match[1].decode("ascii").lower(), value.strip()))
    return headers


def _attempt(function: Callable[[], T], default: T) -> T:
    """Return the result of a header's usual function, or a default.

    A bug of a parser brought the mail here, and only the dead letters come after, so the bug must
    not raise a second time. The log has the first exception.
    """
    try:
        return function()
    except Exception:  # noqa: BLE001
        return default


def _plain_sender(mail: Mail) -> Party:
    for name in ("from", "reply-to", "sender", "return-path"):
        match = _ADDRESS.search(mail.raw(name) or b"")
        if match:
            return Party(handles=(Handle(kind="email", value=match[0].decode().lower()),))
    return Party(name=_plain(mail.raw("from") or b"")[:_MAX_NAME_CHARS])


def _plain_identity(mail: Mail, raw: bytes) -> MessageIds:
    match = re.search(rb"<[^<>\s]{1,900}>", mail.raw("message-id") or b"")
    native = match[0].decode("utf-8", "replace") if match else f"sha256:{sha256(raw).hexdigest()}"
    return MessageIds(native=native, made_up=match is None, references=(), parents=())


def _plain(value: bytes) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", value.decode("utf-8", "replace")).strip()


def _is_from_machine(mail: Mail) -> bool:
    """Say whether an answer could start a loop; a doubt counts as yes."""
    return _attempt(lambda: wants_no_answer(mail), True)
