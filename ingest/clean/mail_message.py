"""A read mail -> Message: who, what, which conversation. Pure.

Before: mime.py read it. After: ingest/channels/email.py hands it to accept.
"""

import re
from datetime import datetime
from hashlib import sha256

from ingest.clean import header
from ingest.clean.automail import automatic
from ingest.clean.mime import Mail, parse
from ingest.clean.reply import own_words
from schemas import token
from schemas.base import conversation_id, message_id
from schemas.message import TEXT_LIMIT, Forwarded, Message, Party

CHANNEL = "email"
_FORWARD = re.compile(
    r"^[ \t>]*(?:-{2,}\s*(?:Forwarded message|İletilmiş Mesaj|İletilen İleti|İletilmiş ileti|"
    r"Forwarded Message)\s*-{2,}|Begin forwarded message:|İleti başlangıcı:)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(
    r"^[ \t>*]*(Kimden|Gönderen|From|Tarih|Gönderme Tarihi|Date|Sent|Konu|Subject|Kime|To)"
    r"[ \t*]*:[ \t*]*(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_FORWARD_PREFIX = re.compile(r"^\s*(?:Fwd?|İlt|Ilt|Ynl|WG)\s*:", re.IGNORECASE)
_REPLY_PREFIX = re.compile(r"^\s*(?:Re|Ynt|Yan|Cvp|Aw|Sv)\s*(?:\[\d+\])?:", re.IGNORECASE)


def message(
    raw: bytes, *, brand: str, account: str, received_at: datetime, mailbox: str = "",
    position: str | None = None, signing_key: bytes = b"", domain: str = "",
) -> tuple[Message, tuple[bytes, ...]]:  # fmt: skip
    """Return the Message in raw RFC 5322 bytes and its files; raise Rejected(mime.empty)."""
    mail = parse(raw)
    source = f"{CHANNEL}:{account}"
    sender = _sender(mail)
    own_ids = header.message_ids(mail.raw("message-id") or b"")
    native = own_ids[0] if own_ids else _made_up_id(mail, account, mailbox, raw)
    references = header.message_ids(mail.all("references"))
    parents = header.message_ids(mail.raw("in-reply-to") or b"")
    thread = tuple(dict.fromkeys((*references, *parents)))
    whole = mail.text.strip("\n")
    subject = mail.get("subject")
    is_reply = bool(thread) or bool(_REPLY_PREFIX.match(subject))
    repaired = list(mail.repaired)
    if not own_ids:
        repaired.append("mail.no_message_id")
    if len(whole) > TEXT_LIMIT:
        repaired.append("text.cut")
        whole = whole[:TEXT_LIMIT]
    forward = _forwarded(whole, subject)
    answer_to = header.parties(mail.raw("reply-to") or b"")
    machine = automatic(mail, raw, received_at, domain)
    returned = machine.bounce.original if machine and machine.bounce else None
    return Message(
        id=message_id(CHANNEL, source, native),
        brand=brand, channel=CHANNEL, source=source, native_id=native,
        conversation=_conversation(
            brand, native, thread, references, parents, signing_key, returned
        ),
        kind="mail", sender=sender,
        recipients=header.parties(mail.all("to")) + header.parties(mail.all("cc")),
        subject=subject[:2000],
        text=whole if forward else own_words(whole, is_reply=is_reply),
        full_text=whole,
        sent_at=header.date(mail.raw("date") or b""), received_at=received_at,
        attachments=tuple(a for a, _ in mail.files),
        automatic=machine, forwarded=forward,
        repaired=tuple(repaired), position=position,
        thread=(*thread[-10:], native) if own_ids else thread[-10:],
        reply_to=answer_to[0].handle("email") if answer_to else None,
        flags=("no_automatic_answer",) if _wants_no_answer(mail) else (),
    ), tuple(data for _, data in mail.files)  # fmt: skip


def _wants_no_answer(mail: Mail) -> bool:
    """Whether a machine's answer would be wrong: lists, bulk, and who asked for none."""
    suppress = mail.get("x-auto-response-suppress").lower()
    precedence = mail.get("precedence").lower()
    submitted = mail.get("auto-submitted").lower()
    return (
        any(word in suppress for word in ("all", "autoreply", "oof"))
        or precedence in ("bulk", "list", "junk")
        or mail.raw("list-id") is not None
        or (bool(submitted) and not submitted.startswith("no"))
    )


def _sender(mail: Mail) -> Party:
    """From, else Sender, else Return-Path: whoever can be answered."""
    for name in ("from", "sender", "return-path", "x-envelope-from"):
        raw = mail.raw(name)
        found = header.parties(raw) if raw else ()
        with_address = next((p for p in found if p.handles), None)
        if with_address is not None:
            return with_address
    found = header.parties(mail.raw("from") or b"")
    return found[0] if found else Party()


def _made_up_id(mail: Mail, account: str, mailbox: str, raw: bytes) -> str:
    """Mail without a Message-ID: account, mailbox, sender and body make one.

    Of the bytes as they came, so that a better parser does not make other ids of the same mails.
    """
    made = sha256(f"{account}\0{mailbox}\0".encode())
    for name in ("from", "sender", "to", "subject", "date", "references", "in-reply-to"):
        made.update((mail.raw(name) or b"") + b"\0")
    made.update(raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2])
    return f"sha256:{made.hexdigest()}"


def _conversation(
    brand: str, native: str, thread: tuple[str, ...], references: tuple[str, ...],
    parents: tuple[str, ...], key: bytes, returned: str | None,
) -> str:  # fmt: skip
    """Our own signed token (of a bounce: in the mail that came back), else the first of
    References, else In-Reply-To, else its own id."""
    ours = token.conversation_of(key, " ".join((*thread, returned or ""))) if key else None
    if ours:
        return ours
    root = references[0] if references else (parents[0] if parents else native)
    return conversation_id(brand, "mail", root)


def _forwarded(text: str, subject: str) -> Forwarded | None:
    """Return who wrote the original of a forward, as far as the quoted headers tell."""
    mark = _FORWARD.search(text)
    if mark is None and not _FORWARD_PREFIX.match(subject):
        return None
    rest = text[mark.end() :] if mark else text
    found: dict[str, str] = {}
    for name, value in _FIELD.findall(rest[:3000]):
        found.setdefault(_KEYS[name.lower()], value.strip())
        if len(found) == len(set(_KEYS.values())):
            break
    if "from" not in found:
        return Forwarded() if mark else None
    who = header.parties(found["from"].encode())
    return Forwarded(
        sender=who[0] if who else None,
        sent_at=header.date(found.get("date", "").encode()),
        subject=found.get("subject", ""),
        recipients=header.parties(found.get("to", "").encode()),
    )


_KEYS = {
    "kimden": "from", "gönderen": "from", "from": "from", "tarih": "date", "date": "date",
    "gönderme tarihi": "date", "sent": "date", "konu": "subject", "subject": "subject",
    "kime": "to", "to": "to",
}  # fmt: skip
