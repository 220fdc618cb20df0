"""The fields of a delivery report: who was reached or not, and why. Never raises. Pure.

Before: bounce.py has the parts of a mail. After: it makes a Bounce of them, or a receipt.
Source: RFC 3464; RFC 3463 for the status codes; RFC 6533 for global reports.
"""

import re
from dataclasses import dataclass

from ingest.parsing.automail import bounce_words as words
from ingest.parsing.mime import header
from ingest.parsing.mime.parsed_mail import Mail

KINDS = ("message/delivery-status", "message/global-delivery-status")
ORIGINALS = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/global",
    "message/global-headers",
)
"""Parts that hold the mail that came back, or its headers."""

_BYTES = 256 * 1024  # of one report or enclosed mail that are looked at
_BLOCKS = 500  # recipients of one report
_REACHED = ("delivered", "relayed", "expanded")
_RECIPIENT = re.compile(
    r"^(Final|Original|X-Actual)-Recipient[ \t]{0,9}:"
    r"(?:[ \t]{0,99}[\w-]{1,40}[ \t]{0,9};)?[ \t]{0,99}<?\"?"
    r"([^\s<>;\"]{1,320})",
    re.MULTILINE | re.IGNORECASE,
)
_ENCLOSED = re.compile(r"^Content-Type:[ \t]{0,9}message/delivery-status", re.M | re.I)
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_SOFT_STATUS = re.compile(r"4\.|5\.2\.[23]$|5\.3\.[14]$|5\.1\.[78]$|5\.4\.[67]$|5\.[67]\.")
"""A full mailbox, a size, a policy, our own address: nothing against the recipient's."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What a report says of one recipient; `reason` is the server's own line."""

    recipient: str
    reached: bool
    delayed: bool
    hard: bool
    reason: str


def read_reports(mail: Mail, notice: str) -> list[Delivery]:
    """Return what the reports in a mail say, else those in a mail that it encloses.

    `notice` is the mail's own text: it explains where a report gives a bare status.
    """
    blocks = [b for a, data in mail.files if a.type in KINDS for b in _blocks(text_of(data))]
    if not blocks:
        enclosed = [text_of(data) for a, data in mail.files if a.type in ORIGINALS]
        reports = [(text, match) for text in enclosed if (match := _ENCLOSED.search(text))]
        blocks = [b for text, match in reports for b in _blocks(text[match.end() :])]
    return [delivery for block in blocks[:_BLOCKS] if (delivery := _delivery(block, notice))]


def names_recipient(data: bytes) -> bool:
    """Say whether a report names anybody."""
    return _RECIPIENT.search(text_of(data)) is not None


def text_of(data: bytes) -> str:
    """Return the beginning of a part as text."""
    return data[:_BYTES].decode("utf-8", "replace").replace("\r\n", "\n")


def is_hard(status: str, reason: str) -> bool:
    """Say whether trying again is of no use, by the status code and by what the server writes."""
    if status.startswith("4."):
        return False
    # "User unknown or mailbox full": whoever may not exist is not written to again.
    missing = words.MISSING.search(reason) is not None
    soft = words.FULL.search(reason) or words.NOT_THE_ADDRESS.search(reason)
    if soft or _SOFT_STATUS.match(status):
        return missing and status != "5.2.2"
    return True


def _blocks(text: str) -> list[str]:
    return [part for part in re.split(r"\n[ \t]*\n", text) if _RECIPIENT.search(part)]


def _delivery(block: str, notice: str) -> Delivery | None:
    named = {m[1].lower(): m[2].rstrip(">") for m in _RECIPIENT.finditer(block)}
    # The address as we wrote it; where it was forwarded to is the other's business.
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
    return Delivery(
        recipient=recipient,
        delayed=delayed,
        reached=action in _REACHED or (not action and status.startswith("2.")),
        hard=not delayed and is_hard(status, diagnosis or notice),
        reason=diagnosis or _field(block, "Status"),
    )


def _field(block: str, name: str) -> str:
    value = re.search(
        rf"^{name}[ \t]{{0,9}}:[ \t]*([^\n]*(?:\n[ \t]+[^\n]+){{0,8}})", block, re.M | re.I
    )
    return re.sub(r"\s+", " ", value[1]).strip() if value else ""
