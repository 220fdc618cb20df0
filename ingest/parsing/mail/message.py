"""A read mail -> Message: who, what, which conversation. Pure.

Before: mime/parser.py read it. After: ingest/channels/email.py hands it to accept.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from ingest.parsing.automail.detection import automatic, wants_no_answer
from ingest.parsing.mail import forward
from ingest.parsing.mail.author import find_author
from ingest.parsing.mail_text import reply
from ingest.parsing.mail_text.subject_prefixes import ANSWER
from ingest.parsing.mime import header
from ingest.parsing.mime.parsed_mail import Mail
from ingest.parsing.mime.parser import parse_mail
from schemas.base import conversation_id, message_id
from schemas.message import TEXT_LIMIT, Message, Party
from schemas.text import reply_token

CHANNEL = "email"
_REPLY_PREFIX = re.compile(ANSWER, re.IGNORECASE)

_MARKED = re.compile(r"^> ", re.MULTILINE)


def message(
    raw: bytes,
    *,
    brand: str,
    account: str,
    received_at: datetime,
    mailbox: str = "",
    position: str | None = None,
    signing_key: bytes = b"",
    domain: str = "",
) -> tuple[Message, tuple[bytes, ...]]:
    """Return the Message in raw RFC 5322 bytes and its files; raise Rejected(mime.empty)."""
    mail = parse_mail(raw)
    source = f"{CHANNEL}:{account}"
    sender = find_author(mail)
    recipients = mail.parties("to") + mail.parties("cc")
    identity = identify(mail, raw, account, mailbox, recipients)
    native, thread = identity.native, identity.thread
    whole = mail.text.strip("\n")
    subject = mail.get("subject")
    is_reply = bool(thread) or bool(_REPLY_PREFIX.match(subject))
    # In a text that was HTML, the marks are ours: they stand where a mail program quotes.
    has_quotation = is_reply or (mail.html and _MARKED.search(whole) is not None)
    repaired = list(mail.repaired)
    if identity.made_up:
        repaired.append("mail.no_message_id")
    if len(whole) > TEXT_LIMIT:
        repaired.append("text.cut")
        whole = whole[:TEXT_LIMIT]
    quote = (
        reply.head(whole, is_reply=is_reply)
        if is_reply and not forward.PREFIX.match(subject)
        else None
    )
    sent_on = forward.read_forward(
        whole[: quote[0]] if quote else whole, subject, is_reply=is_reply
    )
    answer_to = next((a for p in mail.parties("reply-to") if (a := p.handle("email"))), None)
    machine = automatic(mail, raw, received_at, domain)
    returned = machine.bounce.original if machine and machine.bounce else None
    return Message(
        id=message_id(CHANNEL, source, native),
        brand=brand,
        channel=CHANNEL,
        source=source,
        native_id=native,
        conversation=choose_conversation(brand, identity, signing_key, returned),
        kind="mail",
        sender=sender,
        recipients=recipients,
        subject=subject[:2000],
        text=sent_on.words if sent_on else reply.own_words(whole, is_reply=has_quotation),
        full_text=whole,
        sent_at=header.parse_first_date(mail.values("date")),
        received_at=received_at,
        attachments=(*(a for a, _ in mail.files), *mail.refused),
        automatic=machine,
        forwarded=sent_on.original if sent_on else None,
        repaired=tuple(repaired),
        position=position,
        thread=identity.newest,
        reply_to=answer_to,
        flags=("no_automatic_answer",) if wants_no_answer(mail) else (),
    ), tuple(data for _, data in mail.files)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The Message-IDs of a mail: its own, and those of the mails that it answers.

    `native` has its angle brackets, or is a hash of the mail when `made_up`.
    """

    native: str
    made_up: bool
    references: tuple[str, ...]
    parents: tuple[str, ...]

    @property
    def thread(self) -> tuple[str, ...]:
        """Return every mail before this one, the oldest first."""
        return tuple(dict.fromkeys((*self.references, *self.parents)))

    @property
    def newest(self) -> tuple[str, ...]:
        """Return the newest ten mails before this one, and this one unless its id is made up."""
        return self.thread[-10:] if self.made_up else (*self.thread[-10:], self.native)


def identify(
    mail: Mail, raw: bytes, account: str, mailbox: str, recipients: tuple[Party, ...]
) -> Identity:
    """Return the ids in a mail's headers; without a Message-ID its bytes make one."""
    own = header.parse_message_ids(mail.raw("message-id") or b"")
    # "<shop@ornek.example>" stands in some In-Reply-To for the mailbox, not for a mail: it would
    # put strangers into one conversation.
    boxes = _mailboxes(mail, recipients)
    references, parents = (
        tuple(i for i in header.parse_message_ids(value) if i[1:-1].lower() not in boxes)
        for value in (mail.all("references"), mail.raw("in-reply-to") or b"")
    )
    return Identity(
        native=own[0] if own else _made_up_id(mail, account, mailbox, raw),
        made_up=not own,
        references=references,
        parents=parents,
    )


def _mailboxes(mail: Mail, recipients: tuple[Party, ...]) -> set[str]:
    """Return every address that the mail names as a mailbox."""
    named = ("from", "reply-to", "delivered-to")
    others = [p for name in named for p in mail.parties(name)]
    return {h.value for p in (*recipients, *others) for h in p.handles}


def _made_up_id(mail: Mail, account: str, mailbox: str, raw: bytes) -> str:
    """Mail without a Message-ID: account, mailbox, sender and body make one.

    Of the bytes as they came, so that a better parser does not make other ids of the same mails.
    """
    made = sha256(f"{account}\0{mailbox}\0".encode())
    for name in ("from", "sender", "to", "subject", "date", "references", "in-reply-to"):
        made.update((mail.raw(name) or b"") + b"\0")
    made.update(raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2])
    return f"sha256:{made.hexdigest()}"


def choose_conversation(
    brand: str, identity: Identity, key: bytes, returned: str | None = None
) -> str:
    """Return the conversation of our own signed token (of a bounce: in the mail that came back),
    else of the first of References, else of In-Reply-To, else of the mail's own id."""
    tokens = " ".join((*identity.thread, returned or ""))
    ours = reply_token.conversation_of(key, tokens) if key else None
    if ours:
        return ours
    root = (*identity.references[:1], *identity.parents[:1], identity.native)[0]
    return conversation_id(brand, "mail", root)
