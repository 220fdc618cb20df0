"""Tells a machine's mail from a person's, by its headers, each with its evidence. Pure.

Before: mime.py's headers. After: Message.automatic; such a mail opens nothing and gets no answer.
Source: RFC 3834, RFC 3464, RFC 8098, RFC 5965, RFC 2369.
"""

import re

from ingest.clean.mime import Mail
from schemas.message import Automatic, Bounce

_REPORTS = {
    "delivery-status": "bounce", "disposition-notification": "receipt",
    "feedback-report": "abuse_report",
}  # fmt: skip
_DAEMON = re.compile(r"^(mailer-daemon|postmaster|mail-daemon|double-bounce)@", re.IGNORECASE)
_OUT = re.compile(
    r"^\s*(otomatik (yan[ıi]t|cevap)|ofis d[ıi][şs][ıi]nda|automatic reply|out of office|"
    r"auto(matic)?[- ]?(reply|response))\b", re.IGNORECASE,
)  # fmt: skip


def automatic(mail: Mail, our_domain: str = "") -> Automatic | None:
    """Return why a mail is a machine's, None when a person may have written it."""
    sender = _address(mail)
    report = re.search(rb"report-type\s*=\s*\"?([\w-]+)", mail.raw("content-type") or b"", re.I)
    if report and (kind := _REPORTS.get(report[1].decode().lower())):
        evidence = f"Content-Type: report-type={report[1].decode()}"
        if kind == "bounce":
            return Automatic(kind="bounce", evidence=evidence, bounce=_bounce(mail))
        return Automatic(kind="receipt" if kind == "receipt" else "abuse_report", evidence=evidence)
    own = (mail.raw("x-santral-sent") or b"").decode("ascii", "replace").strip()
    if own and our_domain and own == our_domain:
        return Automatic(kind="loop", evidence="X-Santral-Sent")
    submitted = mail.get("auto-submitted").lower()
    if submitted and not submitted.startswith("no"):
        if _DAEMON.match(sender):
            return Automatic(kind="bounce", evidence=f"from {sender}", bounce=_bounce(mail))
        if submitted.startswith("auto-replied") or _OUT.match(mail.get("subject")):
            return Automatic(kind="out_of_office", evidence=f"Auto-Submitted: {submitted[:60]}")
    for name in ("x-autoreply", "x-autorespond", "x-auto-reply-from", "x-autoresponder"):
        if mail.raw(name) is not None:
            return Automatic(kind="out_of_office", evidence=name.title())
    if _DAEMON.match(sender):
        return Automatic(kind="bounce", evidence=f"from {sender}", bounce=_bounce(mail))
    null_sender = (mail.raw("return-path") or b"").strip() == b"<>"
    if null_sender and _OUT.match(mail.get("subject")):
        return Automatic(kind="out_of_office", evidence="null Return-Path and the subject")
    if mail.raw("list-id") is not None and mail.raw("list-unsubscribe") is not None:
        return Automatic(kind="list", evidence="List-Id and List-Unsubscribe")
    return None


def _address(mail: Mail) -> str:
    from ingest.clean import header

    found = header.parties(mail.raw("from") or b"")
    return (found[0].handle("email") or "") if found else ""


def _bounce(mail: Mail) -> Bounce | None:
    for attachment, data in mail.files:
        if attachment.type == "message/delivery-status":
            text = data.decode("utf-8", "replace")
            who = re.search(r"^(?:Final|Original)-Recipient:\s*[^;]*;\s*(\S+)", text, re.M | re.I)
            status = re.search(r"^Status:\s*(\d\.\d+\.\d+)", text, re.M | re.I)
            why = re.search(r"^Diagnostic-Code:\s*(.+)", text, re.M | re.I)
            if who:
                hard = bool(status and status[1].startswith("5") and status[1] != "5.2.2")
                return Bounce(
                    recipient=who[1].lower(), hard=hard,
                    reason=(why[1].strip()[:300] if why else (status[1] if status else "")),
                )  # fmt: skip
    return None
