"""Detects bounces, and reads the failed recipients, the reason and the returned mail. Pure.

A report of RFC 3464 says everything. Older servers wrote prose; flufl.bounce knows many of them,
and the positions of addresses tell the rest. Customers write "could not be delivered" of parcels,
too, so words alone never make a bounce without the signs of a mail server.
"""

import email
import logging
import re
from email.policy import compat32

from flufl.bounce import all_failures

from ingest.parsing.automail import bounce_words as words
from ingest.parsing.automail.delivery_report import (
    MAX_REASON_CHARS,
    ORIGINAL_TYPES,
    REPORT_TYPES,
    is_hard,
    names_recipient,
    read_reports,
)
from ingest.parsing.mime import header
from ingest.parsing.mime.parsed_mail import Mail
from ingest.parsing.mime.structure import read_entity
from schemas.message import Bounce

_MAX_NOTICE_CHARS = 20_000  # the rest of a notice is not read
_MAX_RECIPIENTS = 50  # the rest of a bounce's recipients is left out
_MAX_SCANNED_BYTES = 32 * 1024  # flufl.bounce tries fifty patterns on each line
_MAX_ENCLOSED_BYTES = 64 * 1024  # the headers of a returned mail are in these first bytes
_MAX_SUBJECT_CHARS = 500
_MAX_SENDER_CHARS = 1000
_MAX_QUOTED_CHARS = 80  # evidence quotes this much of a header
_MAX_HOPS = 20  # the newest Received headers; the bounce itself is among them

_PATH = re.compile(rb"^<?\s{0,9}>?$|mailer-daemon|postmaster@|^<?#@\[\]>?$", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w.+=@/-])[\w.+=&'*$%!#/-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_BEFORE_FAILED = re.compile(
    r"^[\s<\"'*>\u2022-]*(?:(?:\w+ ){0,4}(?:recipients?|rcpt to|addressed to|to|alıcı|kime|"
    r"(?:mail)?address(?:es)?|mailbox|宛先)\s?[:=]\s?[<\"'\[]?)?$",
    re.IGNORECASE,
)
"""A failed address has nothing before it, or a label."""

_MESSAGE_ID_LINE = re.compile(
    rb"^[ \t>]{0,20}(?:X-)?(?:Original-)?Message-ID:\s{0,99}(<[^>\s]{1,900}>)", re.M | re.I
)
_FOR_BOUNCE = re.compile(rb"\(qmail \d{1,20} invoked for bounce\)")
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs the errors that it raises


def find_evidence(mail: Mail) -> str | None:
    """Return the evidence of a bounce, None for any other mail."""
    subject = mail.get("subject")[:_MAX_SUBJECT_CHARS]
    sender = _sender(mail)
    mailer = words.MAILER.search(sender) is not None
    forwarded = words.FORWARD.match(subject) is not None
    passed_on = forwarded or words.ANSWER.match(subject) is not None
    if mailer or not passed_on or mail.content_type == "multipart/report":
        if any(a.type in REPORT_TYPES and names_recipient(data) for a, data in mail.files):
            return "message/delivery-status"
        if mail.raw("x-failed-recipients") is not None:
            return "X-Failed-Recipients"
        hops = mail.values("received")[:_MAX_HOPS]
        if any(_FOR_BOUNCE.search(value) for value in hops):
            return "Received: for bounce"
    if mailer:
        return f"From: {sender[:_MAX_QUOTED_CHARS]}"
    # "Fwd: Undeliverable" is a person's mail about a bounce.
    return None if forwarded else _evidence_in_words(mail, subject, sender)


def _evidence_in_words(mail: Mail, subject: str, sender: str) -> str | None:
    """Return the evidence of a bounce in its sender, its subject and its words."""
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
    text = _server_text(mail)
    phrase, code = words.PHRASE.search(text), words.SMTP.search(text)
    encloses = any(a.type in ORIGINAL_TYPES for a, _ in mail.files)
    server = code or encloses or words.MACHINE.search(text)
    if daemon and (by_subject or phrase or server):
        return f"From: {sender[:_MAX_QUOTED_CHARS]}"
    failed = by_subject and (phrase or server or not words.PERSON.search(text))
    if (by_path or master) and (failed or (phrase and server)):
        return (
            "Return-Path and a failure's words"
            if by_path
            else f"From: {sender[:_MAX_QUOTED_CHARS]}"
        )
    alone = words.OF_MAIL.search(text) and _named_addresses(text, _own_addresses(mail), alone=True)
    if gateway and phrase and words.OF_POST.search(text) and (code or alone):
        return f"From: {sender[:_MAX_QUOTED_CHARS]}"
    if not by_subject or words.PERSON.search(text):
        return None
    # An ordinary sender needs the words of a mail server in every way.
    mails = encloses or alone or (code and words.OF_MAIL.search(text))
    if words.MACHINE.search(text) or (phrase and mails):
        return f"Subject: {subject[:_MAX_QUOTED_CHARS]}"
    return None


def _sender(mail: Mail) -> str:
    """Return From in raw and decoded form; some servers encode "Mail Delivery Subsystem"."""
    raw = (mail.raw("from") or b"")[:_MAX_SENDER_CHARS].decode("utf-8", "replace").strip()
    return f"{raw} {mail.get('from')[:_MAX_SENDER_CHARS]}" if "=?" in raw else raw


def is_success(mail: Mail) -> bool:
    """Say whether a report is only about mail that was delivered or handed to the next server."""
    reports = read_reports(mail, "")
    if reports:
        return all(report.delivered for report in reports)
    subject = mail.get("subject")[:_MAX_SUBJECT_CHARS]
    failed = words.PHRASE.search(_server_text(mail)) or words.SUBJECT.search(subject)
    return words.SUCCESS.search(subject) is not None and failed is None


def read_bounce(mail: Mail, raw: bytes) -> Bounce | None:
    """Return the failed recipients, the reason and the returned mail; None without any of them."""
    notice = _server_text(mail)
    failed = [report for report in read_reports(mail, notice) if not report.delivered]
    if failed:
        recipients = [report.recipient for report in failed]
        reason = failed[0].reason
        hard = any(report.hard for report in failed)
        delayed = all(report.delayed for report in failed)
    else:
        recipients, delayed = _prose_recipients(mail, raw, notice)
        recipients = recipients or _enclosed_recipient(mail)
        code = words.CODE.search(notice)
        status = code[0] if code else ""
        reason = _reason(notice, recipients) or status
        # A code 4.x in prose describes the last try; only words announce another one.
        delayed = delayed or _is_delay(notice)
        full = words.FULL.search(notice) and not words.MISSING.search(notice)
        hard = not delayed and not full and is_hard(_status(status), reason)
    original = _returned_id(mail, notice)
    if not recipients and original is None:
        return None
    return Bounce(
        recipient=recipients[0] if recipients else "",
        recipients=tuple(dict.fromkeys(recipients))[:_MAX_RECIPIENTS],
        hard=hard,
        delayed=delayed,
        reason=reason[:MAX_REASON_CHARS],
        original=original,
    )


def _prose_recipients(mail: Mail, raw: bytes, notice: str) -> tuple[list[str], bool]:
    """Return the recipients in a notice in prose, and whether the server will try again."""
    listed = header.parse_addresses(mail.all("x-failed-recipients"))
    failed = [h.value for p in listed for h in p.handles]
    if failed:
        return failed, False
    own = _own_addresses(mail)
    if raw.count(b"\n", 0, _MAX_SCANNED_BYTES) > _MAX_SCANNED_BYTES // 8:
        # The patterns of flufl.bounce would take minutes for a text of short lines.
        return _named_addresses(notice, own), False
    try:
        soft, hard = all_failures(
            email.message_from_bytes(raw[:_MAX_SCANNED_BYTES], policy=compat32)
        )
    except Exception:  # noqa: BLE001 - its detectors raise anything for odd mail; _named_addresses remains
        soft, hard = frozenset(), frozenset()
    addresses = sorted(
        header.normalize_address(a.decode("utf-8", "replace").strip(" <>\"'")) for a in soft | hard
    )
    addresses = [a for a in addresses if "@" in a and a not in own]
    if addresses:
        return addresses, bool(soft) and not hard
    return _named_addresses(notice, own), False


def _named_addresses(notice: str, own: set[str], *, alone: bool = False) -> list[str]:
    """Return the addresses at the beginnings of lines, else the first address of the notice.

    `alone` leaves out the latter; our `own` addresses are never among them.
    """
    first: list[str] = []
    later: list[str] = []
    for line in notice.split("\n"):
        for match in _ADDRESS.finditer(line):
            address = header.normalize_address(match[0].strip("'*!/=-."))
            before = line[max(0, match.start() - 60) : match.start()]
            if address in own or words.ROLE_ADDRESS.match(address):
                continue
            if _BEFORE_FAILED.match(before):
                first.append(address)
            elif not words.BEFORE_OTHERS.search(before):
                later.append(address)
    return list(dict.fromkeys(first)) or ([] if alone else later[:1])


def _own_addresses(mail: Mail) -> set[str]:
    """Return the sender and the recipients of the bounce itself, which never failed."""
    parties = [
        p
        for name in ("from", "to", "sender", "return-path")
        for p in header.parse_addresses(mail.all(name))
    ]
    return {h.value for p in parties for h in p.handles}


def _server_text(mail: Mail) -> str:
    """Return the server's own words, which end where the returned mail begins."""
    text = mail.text[:_MAX_NOTICE_CHARS]
    rest = words.RETURNED.search(text)
    return text[: rest.start()] if rest and text[: rest.start()].strip() else text


def _status(code: str) -> str:
    """Return the status of RFC 3463 for a code in prose; 452 only gives its class 4."""
    return code if code.count(".") == 2 else f"{code[:1]}."


def _is_delay(notice: str) -> bool:
    return words.DELAY.search(notice) is not None and words.GIVEN_UP.search(notice) is None


def _enclosed_recipient(mail: Mail) -> list[str]:
    """Return the recipient of the enclosed mail, if we sent it to a single one."""
    own = _own_addresses(mail)
    domains = {address.partition("@")[2] for address in own}
    for attachment, data in mail.files:
        if attachment.type not in ORIGINAL_TYPES:
            continue
        original = read_entity(data[:_MAX_ENCLOSED_BYTES])
        authors, recipients = (
            {h.value for p in header.parse_addresses(original.header(name)) for h in p.handles}
            for name in ("from", "to")
        )
        ours = any(author.partition("@")[2] in domains for author in authors)
        if ours and len(recipients) == 1 and not original.header("list-id"):
            return list(recipients - own)
    return []


def _reason(notice: str, recipients: list[str]) -> str:
    """Return the line with a code or a cause, else the words beside the recipient."""
    lines = [" ".join(x.split()) for x in notice.split("\n")]
    for pattern in (words.CODE, words.FULL, words.MISSING):
        for line in lines:
            if pattern.search(line):
                return line
    explanation = _explanation(lines, recipients[0]) if recipients else ""
    if explanation:
        return explanation
    phrases = (line for line in lines if words.PHRASE.search(line))
    return next(phrases, next((x for x in lines if recipients and recipients[0] in x.lower()), ""))


_NOT_REASON = re.compile(r"host |-|pipe to|save to|[A-Z][\w-]{1,30}: ", re.IGNORECASE)
"""Lines below a recipient that name a host or a mailbox, or belong to the returned mail."""


def _explanation(lines: list[str], recipient: str) -> str:
    """Return the words behind a recipient or below it, as in "<ada@…>: no connection"."""
    for number, line in enumerate(lines):
        start = line.lower().find(recipient)
        if start < 0:
            continue
        behind = line[start + len(recipient) :].strip(" >:;,.-()[]")
        if len(behind.split()) > 1 and not line[:start].strip(" <\"'*-"):
            return behind
        for below in lines[number + 1 : number + 8]:
            if not below:
                break
            if "@" not in below and not _NOT_REASON.match(below):
                return below
    return ""


def _returned_id(mail: Mail, notice: str) -> str | None:
    """Return the Message-ID of the returned mail, which is enclosed, quoted, named or answered."""
    texts = [
        data[:_MAX_ENCLOSED_BYTES]
        for a, data in mail.files
        if a.type in (*ORIGINAL_TYPES, *REPORT_TYPES)
    ]
    texts.append(_returned_text(mail, notice)[:_MAX_NOTICE_CHARS].encode())
    texts.append(notice.encode())
    for data in texts:
        match = _MESSAGE_ID_LINE.search(data)
        if match:
            return match[1].decode("ascii", "replace")
    answered = header.parse_message_ids(mail.raw("in-reply-to") or b"")
    answered = answered or header.parse_message_ids(mail.all("references"))[-1:]
    return answered[0] if answered else None


def _returned_text(mail: Mail, notice: str) -> str:
    """Return the text of the returned mail below the notice."""
    return mail.text[len(notice) : len(notice) + 2 * _MAX_NOTICE_CHARS]
