"""Reads delivery reports, which say for each recipient if the mail arrived. Never raises. Pure.

bounce.py makes a Bounce or a receipt of them.
Source: RFC 3464; RFC 3463 for the status codes; RFC 6533 for global reports.
"""

import re
from dataclasses import dataclass

from ingest.parsing.automail import bounce_words as words
from ingest.parsing.mime import header
from ingest.parsing.mime.parsed_mail import Mail

REPORT_TYPES = ("message/delivery-status", "message/global-delivery-status")
ORIGINAL_TYPES = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/global",
    "message/global-headers",
)
"""Types of files that hold the returned mail, or its headers."""

MAX_REASON_CHARS = 300
"""A bounce gives this much of the server's own line as its reason."""

_MAX_REPORT_BYTES = 256 * 1024  # the rest of a report or an enclosed mail is not read
_MAX_RECIPIENTS = 500  # the rest of a report is not read
_SUCCESS_ACTIONS = ("delivered", "relayed", "expanded")
_RECIPIENT = re.compile(
    r"^(Final|Original|X-Actual)-Recipient[ \t]{0,9}:"
    r"(?:[ \t]{0,99}[\w-]{1,40}[ \t]{0,9};)?[ \t]{0,99}<?\"?"
    r"([^\s<>;\"]{1,320})",
    re.MULTILINE | re.IGNORECASE,
)
_ENCLOSED = re.compile(r"^Content-Type:[ \t]{0,9}message/delivery-status", re.M | re.I)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_SOFT_STATUS = re.compile(r"4\.|5\.2\.[23]$|5\.3\.[14]$|5\.1\.[78]$|5\.4\.[67]$|5\.[67]\.")
"""A full mailbox, a size, a policy or our own address; the recipient's address is valid."""


@dataclass(frozen=True, kw_only=True)
class RecipientReport:
    """The fields of a report for one recipient; `reason` is the server's own line."""

    recipient: str
    delivered: bool
    delayed: bool
    hard: bool
    reason: str


def read_reports(mail: Mail, notice: str) -> list[RecipientReport]:
    """Return the reports in a mail, else those in a mail that it encloses.

    `notice` is the mail's own text, which explains a bare status in a report.
    """
    blocks = [
        b for a, data in mail.files if a.type in REPORT_TYPES for b in _blocks(report_text(data))
    ]
    if not blocks:
        enclosed = [report_text(data) for a, data in mail.files if a.type in ORIGINAL_TYPES]
        reports = [(text, match) for text in enclosed if (match := _ENCLOSED.search(text))]
        blocks = [b for text, match in reports for b in _blocks(text[match.end() :])]
    return [
        report for block in blocks[:_MAX_RECIPIENTS] if (report := _recipient_report(block, notice))
    ]


def names_recipient(data: bytes) -> bool:
    """Say whether a report names a recipient."""
    return _RECIPIENT.search(report_text(data)) is not None


def report_text(data: bytes) -> str:
    """Return the beginning of a part as text."""
    return data[:_MAX_REPORT_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")


def is_hard(status: str, reason: str) -> bool:
    """Say whether another try is useless, by the status code and the server's words."""
    if status.startswith("4."):
        return False
    # After "User unknown or mailbox full" we do not write to the address again.
    missing = words.MISSING.search(reason) is not None
    soft = words.FULL.search(reason) or words.NOT_THE_ADDRESS.search(reason)
    if soft or _SOFT_STATUS.match(status):
        return missing and status != "5.2.2"
    return True


def _blocks(text: str) -> list[str]:
    return [block for block in re.split(r"\n[ \t]*\n", text) if _RECIPIENT.search(block)]


def _recipient_report(block: str, notice: str) -> RecipientReport | None:
    named = {m[1].lower(): m[2].rstrip(">") for m in _RECIPIENT.finditer(block)}
    # The address that we wrote to comes first, because the others may be its forwards.
    addresses = [named.get(kind, "") for kind in ("original", "final", "x-actual")]
    address = next((a for a in addresses if "@" in a), named.get("final", ""))
    recipient = header.normalize_address(address)
    if not recipient:
        return None
    action = _field(block, "Action").lower()
    code = _STATUS.search(_field(block, "Status"))
    status = code[1] if code else ""
    diagnosis = _field(block, "Diagnostic-Code")
    if status in ("", "5.0.0", "5.1.0", "4.0.0") and (better := _STATUS.search(diagnosis)):
        status = better[1]
    delayed = action.startswith("delay") or (
        not action.startswith("fail") and status.startswith("4.")
    )
    return RecipientReport(
        recipient=recipient,
        delayed=delayed,
        delivered=action in _SUCCESS_ACTIONS or (not action and status.startswith("2.")),
        hard=not delayed and is_hard(status, diagnosis or notice),
        reason=diagnosis or _field(block, "Status"),
    )


def _field(block: str, name: str) -> str:
    value = re.search(
        rf"^{name}[ \t]{{0,9}}:[ \t]*([^\n]*(?:\n[ \t]+[^\n]+){{0,8}})", block, re.M | re.I
    )
    return re.sub(r"\s+", " ", value[1]).strip() if value else ""
