"""Tells a bounce from other mail; reads who was not reached, why, and which mail it was. Pure.

Before: automail.py asks about every mail. After: Automatic.bounce. A report of RFC 3464 tells all;
older servers wrote prose, each its own: what flufl.bounce knows is taken from there, the rest is
found by where addresses stand. Customers write "could not be delivered" too, of parcels: words
alone never make a bounce, a mail server's signs must be there.
"""

import email
import logging
import re
from email.policy import compat32

from flufl.bounce import all_failures

from ingest.clean import bounce_words as words
from ingest.clean import header
from ingest.clean.mime import Mail
from schemas.fold import fold_case
from schemas.message import Bounce

_ORIGINALS = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
_REPORTS = ("message/delivery-status", "message/global-delivery-status")
_LOOKED_AT = 20_000  # characters of the notice
_LIMIT = 50  # recipients of one bounce
_SCANNED = 64 * 1024  # bytes that flufl.bounce gets to see: it tries fifty patterns a line

_PATH = re.compile(rb"^<?\s*>?$|mailer-daemon|postmaster@|^<?#@\[\]>?$", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w.+=@/-])[\w.+=&'*$%!#/-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_AT_START = re.compile(r"^[\s<\"'*>\u2022-]*$")
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs what it then raises


def sign(mail: Mail) -> str | None:
    """Return what shows a mail to be a bounce, None for any other mail."""
    if any(a.type in _REPORTS and _WHO.search(_text(d)) for a, d in mail.files):
        return "message/delivery-status"
    if mail.raw("x-failed-recipients") is not None:
        return "X-Failed-Recipients"
    subject = mail.get("subject")
    sender = (mail.raw("from") or b"").decode("utf-8", "replace").strip()
    if words.MAILER.search(sender):
        return f"From: {sender[:80]}"
    path = mail.raw("return-path")
    by_path = path is not None and _PATH.search(path.strip()) is not None
    by_subject = words.SUBJECT.search(subject) is not None and not words.FORWARD.match(subject)
    daemon = words.SENDER.search(sender) is not None
    if not (by_subject or by_path or daemon or words.POSTMASTER.search(sender)):
        return None
    notice = _notice(mail)
    phrase, code = words.PHRASE.search(notice), words.SMTP.search(notice)
    encloses = any(a.type in _ORIGINALS for a, _ in mail.files)
    server = code or encloses or words.MACHINE.search(notice)
    if daemon and (by_subject or phrase or server):
        return f"From: {sender[:80]}"
    told = by_subject and (phrase or server or not words.PERSON.search(notice))
    if (by_path or words.POSTMASTER.search(sender)) and (told or (phrase and server)):
        return "Return-Path and a failure's words" if by_path else f"From: {sender[:80]}"
    if not by_subject or words.PERSON.search(notice):
        return None
    # A sender like any other: then it must read like a mail server's in every way.
    alone = words.OF_MAIL.search(notice) and _others(notice, _ours(mail), alone=True)
    if words.MACHINE.search(notice) or (phrase and (server or alone)):
        return f"Subject: {subject[:80]}"
    return None


def read(mail: Mail, raw: bytes) -> Bounce | None:
    """Return who was not reached and why; None when the bounce does not tell."""
    notice = _notice(mail)
    blocks = [b for a, d in mail.files if a.type in _REPORTS for b in _blocks(_text(d))]
    if not blocks:
        blocks = [b for a, d in mail.files if a.type in _ORIGINALS for b in _enclosed(_text(d))]
    failed = [b for b in blocks if b.action not in ("delivered", "relayed", "expanded")]
    if failed:
        who = [b.who for b in failed]
        code, why = failed[0].status, failed[0].why
        soft = all(b.soft for b in failed)
        delayed = all(b.delayed for b in failed)
    else:
        who, delayed = _told(mail, raw, notice)
        found = words.CODE.search(notice)
        code = found[0] if found and found[0].count(".") == 2 else ""
        why = _line(notice, who)
        # A code 4.x in prose is what the last try met; whether there will be another, words tell.
        delayed = delayed or _later(notice)
        soft = delayed or _policy(code)
    if not who:
        return None
    return Bounce(
        recipient=who[0], recipients=tuple(dict.fromkeys(who))[:_LIMIT], hard=not soft,
        delayed=delayed, reason=(why or code)[:300], original=_original(mail, notice),
    )  # fmt: skip


def _policy(code: str) -> bool:
    """A full mailbox or a policy may be otherwise tomorrow."""
    return code == "5.2.2" or code.startswith("5.7.")


_WHO = re.compile(
    r"^(Final|Original)-Recipient[ \t]*:(?:[ \t]*[\w-]+[ \t]*;)?[ \t]*<?\"?([^\s<>;\"]{1,320})",
    re.MULTILINE | re.IGNORECASE,
)


class _Block:
    """What a report says of one recipient."""

    def __init__(self, text: str) -> None:
        found = {fold_case(m[1]): m[2].rstrip(">") for m in _WHO.finditer(text)}
        # The address as we wrote it; where it was forwarded to is the other's business.
        original = found.get("original", "")
        self.who = header.normal_address(original if "@" in original else found.get("final", ""))
        self.action = _field(text, "Action").lower()
        status = re.search(r"\d\.\d{1,3}\.\d{1,3}", _field(text, "Status"))
        self.status = status[0] if status else ""
        self.why = _field(text, "Diagnostic-Code") or _field(text, "Status")
        self.delayed = self.action.startswith("delay") or (
            not self.action.startswith("fail") and self.status.startswith("4.")
        )
        self.soft = self.delayed or _policy(self.status)


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{name}[ \t]*:[ \t]*([^\n]*(?:\n[ \t]+[^\n]+){{0,8}})", text, re.M | re.I)
    return re.sub(r"\s+", " ", found[1]).strip() if found else ""


def _blocks(text: str) -> list[_Block]:
    return [
        block
        for part in re.split(r"\n[ \t]*\n", text)
        if _WHO.search(part) and (block := _Block(part)).who
    ]


def _enclosed(text: str) -> list[_Block]:
    """A report within an enclosed mail: a gateway wrapped the bounce once more."""
    at = re.search(r"^Content-Type:[ \t]*message/delivery-status", text, re.M | re.I)
    return _blocks(text[at.end() :]) if at else []


def _told(mail: Mail, raw: bytes, notice: str) -> tuple[list[str], bool]:
    """Return the recipients that a notice in prose names, and whether it says it goes on trying."""
    listed = header.parties(mail.all("x-failed-recipients"))
    who = [h.value for p in listed for h in p.handles]
    if who:
        return who, False
    own = _ours(mail)
    if raw.count(b"\n", 0, _SCANNED) > _SCANNED // 8:
        return _others(notice, own), False  # lines of nothing: its patterns would take minutes
    try:
        soft, hard = all_failures(email.message_from_bytes(raw[:_SCANNED], policy=compat32))
    except Exception:  # noqa: BLE001 - its detectors fall over odd mail; the places are left then
        soft, hard = frozenset(), frozenset()
    known = sorted(
        header.normal_address(a.decode("utf-8", "replace").strip(" <>\"'")) for a in soft | hard
    )
    known = [a for a in known if "@" in a and a not in own]
    if known:
        return known, bool(soft) and not hard
    return _others(notice, own), False


def _others(notice: str, own: set[str], *, alone: bool = False) -> list[str]:
    """Return the addresses that a notice is about: at a line's start, else (not if `alone`) the
    first that is named; never one of our `own`."""
    first: list[str] = []
    later: list[str] = []
    for line in notice.split("\n"):
        for match in _ADDRESS.finditer(line):
            address = header.normal_address(match[0].strip("'*!/=-."))
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
        for p in header.parties(mail.all(name))
    ]
    return {h.value for p in found for h in p.handles}


def _notice(mail: Mail) -> str:
    """Return the server's own words: what stands before the mail that it returns."""
    text = mail.text[:_LOOKED_AT]
    rest = words.RETURNED.search(text)
    return text[: rest.start()] if rest and text[: rest.start()].strip() else text


def _later(notice: str) -> bool:
    return words.DELAY.search(notice) is not None and words.GIVEN_UP.search(notice) is None


def _line(notice: str, who: list[str]) -> str:
    """Return the line that says why: one with a code, else one with a failure's words."""
    lines = [" ".join(x.split()) for x in notice.split("\n")]
    for pattern in (words.CODE, words.PHRASE):
        for line in lines:
            if pattern.search(line):
                return line
    return next((x for x in lines if who and who[0] in x.lower()), "")


def _original(mail: Mail, notice: str) -> str | None:
    """Return the Message-ID of the mail that came back."""
    places = [d for a, d in mail.files if a.type in _ORIGINALS]
    places.append(mail.text[len(notice) : len(notice) + _LOOKED_AT].encode())
    for data in places:
        found = re.search(rb"^[ \t>]*Message-ID:\s*(<[^>\s]{1,900}>)", data, re.M | re.I)
        if found:
            return found[1].decode("ascii", "replace")
    return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")
