"""Tells a bounce from other mail; reads who was not reached, why, and which mail it was. Pure.

Before: detection.py asks about every mail. After: Automatic.bounce. A report of RFC 3464 says all;
older servers wrote prose, each its own: what flufl.bounce knows is taken from there, the rest is
found by where addresses stand. Customers write "could not be delivered" too, of parcels: words
alone never make a bounce, a mail server's signs must be there.
"""

import email
import logging
import re
from email.policy import compat32

from flufl.bounce import all_failures

from ingest.parsing.automail import bounce_words as words
from ingest.parsing.automail.delivery_report import (
    KINDS,
    ORIGINALS,
    is_hard,
    names_recipient,
    read_reports,
)
from ingest.parsing.mime import header
from ingest.parsing.mime.parsed_mail import Mail
from ingest.parsing.mime.structure import read_entity
from schemas.message import Bounce

_LOOKED_AT = 20_000  # characters of the notice
_LIMIT = 50  # recipients of one bounce
_SCANNED = 32 * 1024  # bytes that flufl.bounce gets to see: it tries fifty patterns a line
_ENCLOSED = 64 * 1024  # bytes of the mail that came back in which its headers are
_SUBJECT_CHARS = 500

_PATH = re.compile(rb"^<?\s{0,9}>?$|mailer-daemon|postmaster@|^<?#@\[\]>?$", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w.+=@/-])[\w.+=&'*$%!#/-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_AT_START = re.compile(
    r"^[\s<\"'*>\u2022-]*(?:(?:\w+ ){0,4}(?:recipients?|rcpt to|addressed to|to|alıcı|kime|"
    r"(?:mail)?address(?:es)?|mailbox|宛先)\s?[:=]\s?[<\"'\[]?)?$",
    re.IGNORECASE,
)
"""What stands before an address that a notice is about: nothing, or a label."""

_OUR_ID = re.compile(
    rb"^[ \t>]{0,20}(?:X-)?(?:Original-)?Message-ID:\s{0,99}(<[^>\s]{1,900}>)", re.M | re.I
)
_FOR_BOUNCE = re.compile(rb"\(qmail \d{1,20} invoked for bounce\)")
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs what it then raises


def sign(mail: Mail) -> str | None:
    """Return what shows a mail to be a bounce, None for any other mail."""
    subject = mail.get("subject")[:_SUBJECT_CHARS]
    sender = _sender(mail)
    mailer = words.MAILER.search(sender) is not None
    forwarded = words.FORWARD.match(subject) is not None
    passed_on = forwarded or words.ANSWER.match(subject) is not None
    if mailer or not passed_on or mail.content_type == "multipart/report":
        if any(a.type in KINDS and names_recipient(data) for a, data in mail.files):
            return "message/delivery-status"
        if mail.raw("x-failed-recipients") is not None:
            return "X-Failed-Recipients"
        if any(_FOR_BOUNCE.search(value) for value in mail.values("received")[:20]):
            return "Received: for bounce"
    if mailer:
        return f"From: {sender[:80]}"
    # "Fwd: Undeliverable" is a person's mail about a bounce.
    return None if forwarded else _sign_in_words(mail, subject, sender)


def _sign_in_words(mail: Mail, subject: str, sender: str) -> str | None:
    """Return what shows a mail to be a bounce by its sender, its subject and its words."""
    path = mail.raw("return-path")
    by_path = path is not None and _PATH.search(path.strip()) is not None
    answer = words.ANSWER.match(subject)
    to_bounce = answer is not None and words.SUBJECT.match(subject[answer.end() :].lstrip())
    by_subject = words.SUBJECT.search(subject) is not None and not to_bounce
    daemon = words.SENDER.search(sender) is not None
    master = words.POSTMASTER.search(sender) is not None
    gateway = words.NO_REPLY.search(sender) is not None
    if not (by_subject or by_path or daemon or master or gateway):
        return None
    notice = _notice(mail)
    phrase, code = words.PHRASE.search(notice), words.SMTP.search(notice)
    encloses = any(a.type in ORIGINALS for a, _ in mail.files)
    server = code or encloses or words.MACHINE.search(notice)
    if daemon and (by_subject or phrase or server):
        return f"From: {sender[:80]}"
    failed = by_subject and (phrase or server or not words.PERSON.search(notice))
    if (by_path or master) and (failed or (phrase and server)):
        return "Return-Path and a failure's words" if by_path else f"From: {sender[:80]}"
    alone = words.OF_MAIL.search(notice) and _named_addresses(notice, _ours(mail), alone=True)
    if gateway and phrase and words.OF_POST.search(notice) and (code or alone):
        return f"From: {sender[:80]}"
    if not by_subject or words.PERSON.search(notice):
        return None
    # A sender like any other: then it must read like a mail server's in every way.
    mails = encloses or alone or (code and words.OF_MAIL.search(notice))
    if words.MACHINE.search(notice) or (phrase and mails):
        return f"Subject: {subject[:80]}"
    return None


def _sender(mail: Mail) -> str:
    """Return From as it came and as it reads: some servers encode "Mail Delivery Subsystem"."""
    raw = (mail.raw("from") or b"")[:1000].decode("utf-8", "replace").strip()
    return f"{raw} {mail.get('from')[:1000]}" if "=?" in raw else raw


def is_success(mail: Mail) -> bool:
    """Say whether a report tells only of mail that arrived, or was handed to the next server."""
    reports = read_reports(mail, "")
    if reports:
        return all(report.reached for report in reports)
    subject = mail.get("subject")[:_SUBJECT_CHARS]
    failed = words.PHRASE.search(_notice(mail)) or words.SUBJECT.search(subject)
    return words.SUCCESS.search(subject) is not None and failed is None


def read(mail: Mail, raw: bytes) -> Bounce | None:
    """Return who was not reached and why, and which mail it was; None when it says neither."""
    notice = _notice(mail)
    failed = [report for report in read_reports(mail, notice) if not report.reached]
    if failed:
        recipients = [report.recipient for report in failed]
        reason = failed[0].reason
        hard = any(report.hard for report in failed)
        delayed = all(report.delayed for report in failed)
    else:
        recipients, delayed = _prose_recipients(mail, raw, notice)
        recipients = recipients or _addressee(mail)
        code = words.CODE.search(notice)
        status = code[0] if code else ""
        reason = _reason(notice, recipients) or status
        # A code 4.x in prose is what the last try met; whether there will be another, words tell.
        delayed = delayed or _is_delay(notice)
        full = words.FULL.search(notice) and not words.MISSING.search(notice)
        hard = not delayed and not full and is_hard(_status(status), reason)
    original = _original(mail, notice)
    if not recipients and original is None:
        return None
    return Bounce(
        recipient=recipients[0] if recipients else "",
        recipients=tuple(dict.fromkeys(recipients))[:_LIMIT],
        hard=hard,
        delayed=delayed,
        reason=reason[:300],
        original=original,
    )


def _prose_recipients(mail: Mail, raw: bytes, notice: str) -> tuple[list[str], bool]:
    """Return the recipients that a notice in prose names, and whether it says it goes on trying."""
    listed = header.parse_addresses(mail.all("x-failed-recipients"))
    failed = [h.value for p in listed for h in p.handles]
    if failed:
        return failed, False
    own = _ours(mail)
    if raw.count(b"\n", 0, _SCANNED) > _SCANNED // 8:
        # Lines of nothing: its patterns would take minutes.
        return _named_addresses(notice, own), False
    try:
        soft, hard = all_failures(email.message_from_bytes(raw[:_SCANNED], policy=compat32))
    except Exception:  # noqa: BLE001 - its detectors fall over odd mail; the places are left then
        soft, hard = frozenset(), frozenset()
    addresses = sorted(
        header.normalize_address(a.decode("utf-8", "replace").strip(" <>\"'")) for a in soft | hard
    )
    addresses = [a for a in addresses if "@" in a and a not in own]
    if addresses:
        return addresses, bool(soft) and not hard
    return _named_addresses(notice, own), False


def _named_addresses(notice: str, own: set[str], *, alone: bool = False) -> list[str]:
    """Return the addresses that a notice is about: at a line's start, else (not if `alone`) the
    first that is named; never one of our `own`."""
    first: list[str] = []
    later: list[str] = []
    for line in notice.split("\n"):
        for match in _ADDRESS.finditer(line):
            address = header.normalize_address(match[0].strip("'*!/=-."))
            before = line[max(0, match.start() - 60) : match.start()]
            if address in own or words.SERVANT.match(address):
                continue
            if _AT_START.match(before):
                first.append(address)
            elif not words.NOT_WHO.search(before):
                later.append(address)
    return list(dict.fromkeys(first)) or ([] if alone else later[:1])


def _ours(mail: Mail) -> set[str]:
    """The addresses that a bounce is from and to: never the one that failed."""
    found = [
        p
        for name in ("from", "to", "sender", "return-path")
        for p in header.parse_addresses(mail.all(name))
    ]
    return {h.value for p in found for h in p.handles}


def _notice(mail: Mail) -> str:
    """Return the server's own words: what stands before the mail that it returns."""
    text = mail.text[:_LOOKED_AT]
    rest = words.RETURNED.search(text)
    return text[: rest.start()] if rest and text[: rest.start()].strip() else text


def _status(code: str) -> str:
    """Return the status of RFC 3463 that a code in prose is, or begins: 452 is of class 4."""
    return code if code.count(".") == 2 else f"{code[:1]}."


def _is_delay(notice: str) -> bool:
    return words.DELAY.search(notice) is not None and words.GIVEN_UP.search(notice) is None


def _addressee(mail: Mail) -> list[str]:
    """Return to whom the enclosed mail went, if it was ours and went to one alone."""
    own = _ours(mail)
    domains = {address.partition("@")[2] for address in own}
    for attachment, data in mail.files:
        if attachment.type not in ORIGINALS:
            continue
        original = read_entity(data[:_ENCLOSED])
        authors, recipients = (
            {h.value for p in header.parse_addresses(original.header(name)) for h in p.handles}
            for name in ("from", "to")
        )
        ours = any(author.partition("@")[2] in domains for author in authors)
        if ours and len(recipients) == 1 and not original.header("list-id"):
            return list(recipients - own)
    return []


def _reason(notice: str, who: list[str]) -> str:
    """Return the line that says why: with a code or a cause, else what stands at the recipient."""
    lines = [" ".join(x.split()) for x in notice.split("\n")]
    for pattern in (words.CODE, words.FULL, words.MISSING):
        for line in lines:
            if pattern.search(line):
                return line
    explanation = _explanation(lines, who[0]) if who else ""
    if explanation:
        return explanation
    phrases = (line for line in lines if words.PHRASE.search(line))
    return next(phrases, next((x for x in lines if who and who[0] in x.lower()), ""))


_NO_REASON = re.compile(r"host |-|pipe to|save to|[A-Z][\w-]{1,30}: ", re.IGNORECASE)
"""Lines below a recipient that name a place, or belong to the mail that came back."""


def _explanation(lines: list[str], recipient: str) -> str:
    """Return what stands behind a recipient, or below it: "<ada@…>: no connection"."""
    for number, line in enumerate(lines):
        at = line.lower().find(recipient)
        if at < 0:
            continue
        behind = line[at + len(recipient) :].strip(" >:;,.-()[]")
        if len(behind.split()) > 1 and not line[:at].strip(" <\"'*-"):
            return behind
        for below in lines[number + 1 : number + 8]:
            if not below:
                break
            if "@" not in below and not _NO_REASON.match(below):
                return below
    return ""


def _original(mail: Mail, notice: str) -> str | None:
    """Return the Message-ID of the mail that came back: enclosed, quoted, named, or answered."""
    places = [data[:_ENCLOSED] for a, data in mail.files if a.type in (*ORIGINALS, *KINDS)]
    places.append(_returned(mail, notice)[:_LOOKED_AT].encode())
    places.append(notice.encode())
    for data in places:
        found = _OUR_ID.search(data)
        if found:
            return found[1].decode("ascii", "replace")
    answered = header.parse_message_ids(mail.raw("in-reply-to") or b"")
    answered = answered or header.parse_message_ids(mail.all("references"))[-1:]
    return answered[0] if answered else None


def _returned(mail: Mail, notice: str) -> str:
    """Return what of the mail that came back is written below the notice."""
    return mail.text[len(notice) : len(notice) + 2 * _LOOKED_AT]
