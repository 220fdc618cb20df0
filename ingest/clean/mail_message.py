"""A read mail -> Message: who, what, which conversation. Pure.

Before: mime.py read it. After: ingest/channels/email.py hands it to accept.
"""

import re
from datetime import datetime
from hashlib import sha256

from ingest.clean import forward, header, reply
from ingest.clean.automail import automatic
from ingest.clean.mime import Mail, parse
from schemas import token
from schemas.base import conversation_id, message_id
from schemas.message import TEXT_LIMIT, Message, Party

CHANNEL = "email"
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
    # "<shop@ornek.example>" stands in some In-Reply-To for the mailbox, not for a mail: it would
    # put strangers into one conversation.
    recipients = header.parties(mail.all("to")) + header.parties(mail.all("cc"))
    boxes = _mailboxes(mail, recipients)
    references, parents = (
        tuple(i for i in ids if i[1:-1].lower() not in boxes) for ids in (references, parents)
    )
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
    quote = (
        reply.head(whole, is_reply=is_reply)
        if is_reply and not forward.PREFIX.match(subject)
        else None
    )
    sent_on = forward.forwarded(whole[: quote[0]] if quote else whole, subject)
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
        recipients=recipients,
        subject=subject[:2000],
        text=whole if sent_on else reply.own_words(whole, is_reply=is_reply),
        full_text=whole,
        sent_at=header.first_date(mail.values("date")), received_at=received_at,
        attachments=(*(a for a, _ in mail.files), *mail.refused),
        automatic=machine, forwarded=sent_on,
        repaired=tuple(repaired), position=position,
        thread=(*thread[-10:], native) if own_ids else thread[-10:],
        reply_to=answer_to[0].handle("email") if answer_to else None,
        flags=("no_automatic_answer",) if _wants_no_answer(mail) else (),
    ), tuple(data for _, data in mail.files)  # fmt: skip


def _mailboxes(mail: Mail, recipients: tuple[Party, ...]) -> set[str]:
    """Return every address that the mail names as a mailbox."""
    named = ("from", "reply-to", "delivered-to")
    others = [p for name in named for p in header.parties(mail.all(name))]
    return {h.value for p in (*recipients, *others) for h in p.handles}


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
