"""Makes the Message of a raw mail, for ingest/channels/email/channel.py. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from ingest.parsing.automail.detection import detect_machine, wants_no_answer
from ingest.parsing.mail import forward
from ingest.parsing.mail.author import find_author
from ingest.parsing.mail_text.reply import MailText
from ingest.parsing.mail_text.subject_prefixes import ANSWER
from ingest.parsing.mime import header
from ingest.parsing.mime.parsed_mail import Mail
from ingest.parsing.mime.parser import parse_mail
from schemas.base import conversation_id, message_id
from schemas.message import TEXT_LIMIT, Forwarded, Message, Party
from schemas.text import reply_token

CHANNEL = "email"
MAX_SUBJECT_CHARS = 2000
_MAX_THREAD_IDS = 10  # an answer repeats them in its References
_REPLY_PREFIX = re.compile(ANSWER, re.IGNORECASE)
_QUOTED_LINE = re.compile(r"^> ", re.MULTILINE)


def parse_message(
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
    """Return the Message of raw RFC 5322 bytes and its files; raise Rejected(mime.empty)."""
    mail = parse_mail(raw)
    source = f"{CHANNEL}:{account}"
    sender = find_author(mail)
    recipients = mail.parties("to") + mail.parties("cc")
    identity = identify(mail, raw, account, mailbox, recipients)
    native = identity.native
    full_text, repaired = _cut_text(mail, identity)
    subject = mail.get("subject")
    is_reply = bool(identity.thread) or bool(_REPLY_PREFIX.match(subject))
    text, original = _own_text(mail, full_text, subject, is_reply=is_reply)
    answer_to = next((a for p in mail.parties("reply-to") if (a := p.handle("email"))), None)
    machine = detect_machine(mail, raw, received_at, domain)
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
        subject=subject[:MAX_SUBJECT_CHARS],
        text=text,
        full_text=full_text,
        sent_at=header.parse_first_date(mail.values("date")),
        received_at=received_at,
        attachments=(*(a for a, _ in mail.files), *mail.refused),
        automatic=machine,
        forwarded=original,
        repaired=repaired,
        position=position,
        thread=identity.newest,
        reply_to=answer_to,
        flags=("no_automatic_answer",) if wants_no_answer(mail) else (),
    ), tuple(data for _, data in mail.files)


@dataclass(frozen=True, kw_only=True)
class MessageIds:
    """The Message-IDs of a mail, and of the mails that it answers.

    `native` has its angle brackets, or is a hash of the mail when `made_up`.
    """

    native: str
    made_up: bool
    references: tuple[str, ...]
    parents: tuple[str, ...]

    @property
    def thread(self) -> tuple[str, ...]:
        """Return the ids of all mails before this one, the oldest first."""
        return tuple(dict.fromkeys((*self.references, *self.parents)))

    @property
    def newest(self) -> tuple[str, ...]:
        """Return the newest ten of the thread, and this mail unless its id is made up."""
        earlier = self.thread[-_MAX_THREAD_IDS:]
        return earlier if self.made_up else (*earlier, self.native)


def _cut_text(mail: Mail, identity: MessageIds) -> tuple[str, tuple[str, ...]]:
    """Return the text within TEXT_LIMIT, and the codes of all repairs."""
    text = mail.text.strip("\n")
    repaired = [*mail.repaired, *(["mail.no_message_id"] if identity.made_up else [])]
    if len(text) > TEXT_LIMIT:
        repaired.append("text.cut")
    return text[:TEXT_LIMIT], tuple(repaired)


def _own_text(
    mail: Mail, full_text: str, subject: str, *, is_reply: bool
) -> tuple[str, Forwarded | None]:
    """Return the words of the author, and the mail that they forward."""
    is_forward = forward.PREFIX.match(subject)
    mail_text = MailText(full_text, is_reply=True) if is_reply and not is_forward else None
    quote = mail_text.find_quote() if mail_text else None
    above_quote = full_text[: quote[0]] if quote else full_text
    forwarded = forward.read_forward(above_quote, subject, is_reply=is_reply)
    if forwarded:
        return forwarded.words, forwarded.original
    # In a text that was HTML, the parser wrote the quotation marks.
    is_quoting = mail.html and _QUOTED_LINE.search(mail.text) is not None
    mail_text = mail_text or MailText(full_text, is_reply=is_reply or is_quoting)
    return mail_text.own_words(), None


def identify(
    mail: Mail, raw: bytes, account: str, mailbox: str, recipients: tuple[Party, ...]
) -> MessageIds:
    """Return the ids in a mail's headers; without a Message-ID the id is a hash of its bytes."""
    own = header.parse_message_ids(mail.raw("message-id") or b"")
    # "<shop@ornek.example>" in an In-Reply-To is a mailbox and not a mail. As an id it would put
    # strangers into one conversation.
    mailboxes = _mailboxes(mail, recipients)
    return MessageIds(
        native=own[0] if own else _hash_id(mail, account, mailbox, raw),
        made_up=not own,
        references=_ids_of_mails(mail.all("references"), mailboxes),
        parents=_ids_of_mails(mail.raw("in-reply-to") or b"", mailboxes),
    )


def _ids_of_mails(value: bytes, mailboxes: set[str]) -> tuple[str, ...]:
    """Return the Message-IDs of a header, without the addresses of mailboxes."""
    ids = header.parse_message_ids(value)
    return tuple(identifier for identifier in ids if identifier[1:-1].lower() not in mailboxes)


def _mailboxes(mail: Mail, recipients: tuple[Party, ...]) -> set[str]:
    """Return every address that the mail names as a mailbox."""
    others = [
        party for name in ("from", "reply-to", "delivered-to") for party in mail.parties(name)
    ]
    return {handle.value for party in (*recipients, *others) for handle in party.handles}


def _hash_id(mail: Mail, account: str, mailbox: str, raw: bytes) -> str:
    """Return an id of account, mailbox, sender and body, for mail without a Message-ID.

    The raw bytes make it, so that a better parser gives the same mails the same ids.
    """
    digest = sha256(f"{account}\0{mailbox}\0".encode())
    for name in ("from", "sender", "to", "subject", "date", "references", "in-reply-to"):
        digest.update((mail.raw(name) or b"") + b"\0")
    digest.update(raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2])
    return f"sha256:{digest.hexdigest()}"


def choose_conversation(
    brand: str, identity: MessageIds, key: bytes, returned: str | None = None
) -> str:
    """Return the conversation of our own signed token, else of the thread's first mail.

    The token of a bounce is in the mail that it returns. The thread begins with References, else
    In-Reply-To, else the mail itself.
    """
    tokens = " ".join((*identity.thread, returned or ""))
    by_token = reply_token.conversation_of(key, tokens) if key else None
    if by_token:
        return by_token
    before = identity.references or identity.parents
    return conversation_id(brand, "mail", before[0] if before else identity.native)
