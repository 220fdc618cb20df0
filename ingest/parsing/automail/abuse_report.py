"""Detects providers' complaints about our mail, and DMARC reports. Pure.

Providers leave out fields that the standard requires, and write from addresses of their staff. A
report must show a sign of one and the mail that it is about. Source: RFC 5965, RFC 6591, RFC 7489
section 7.2.
"""

import re

from ingest.parsing.automail.delivery_report import ORIGINAL_TYPES
from ingest.parsing.mime.parsed_mail import Mail

_MAX_TEXT_CHARS = 4000  # the rest of the text is not read
_MAX_SUBJECT_CHARS = 500  # a longer subject is a text
_MAX_QUOTED_CHARS = 80  # evidence quotes this much of a header
_MAX_ENCLOSED_BYTES = 64 * 1024  # the headers of a returned mail are in these first bytes
_TYPE = re.compile(rb"report-type\s{0,9}=\s{0,9}[\"']?feedback-report", re.IGNORECASE)
_FIELD = re.compile(r"^Feedback-Type:[ \t]{0,9}[\w-]+", re.IGNORECASE | re.MULTILINE)
_WORDS = re.compile(
    r"this is an? (?:[\w-]+ ){0,5}?(?:abuse|spam|feedback|authentication[- ]failure)"
    r" (?:[\w-]+ )?(?:report|complaint)|e-?mail abuse (?:report|complaint)|"
    r"auto-?generated e-?mail abuse",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"\s*(?:\[[^\]]{1,40}\]\s*)?(?:complaint about message from|(?:e-?mail )?(?:abuse|feedback|spam"
    r"|fbl)(?:[- ]loop)? (?:report|complaint|notification)|abuse report)",
    re.IGNORECASE,
)
_AGGREGATE = re.compile(
    r"\s*(?:\[[^\]]{1,40}\]\s*)?report domain:\s*\S+.{0,200}submitter:", re.IGNORECASE
)
_STAFF = re.compile(
    rb"(?:staff|feedback|fbl|scomp|complaints?|abuse|arf|spam|postmaster|noreply|no-reply|dmarc"
    rb")[\w.+-]{0,60}@",
    re.IGNORECASE,
)


def find_report(mail: Mail) -> str | None:
    """Return the evidence of a report about our mail, None for any other mail."""
    if _TYPE.search(mail.raw("content-type") or b""):
        return "multipart/report feedback-report"
    if any(a.type == "message/feedback-report" for a, _ in mail.files):
        return "message/feedback-report"
    text, subject = mail.text[:_MAX_TEXT_CHARS], mail.get("subject")[:_MAX_SUBJECT_CHARS]
    if _AGGREGATE.match(subject) and mail.files:
        return f"Subject: {subject[:_MAX_QUOTED_CHARS]}"
    encloses = any(a.type in ORIGINAL_TYPES for a, _ in mail.files)
    if not encloses and mail.content_type != "multipart/report":
        return None
    if _FIELD.search(text):
        return "Feedback-Type"
    staff = _STAFF.search(mail.raw("from") or b"")
    if staff and (_SUBJECT.match(subject) or _WORDS.search(text)):
        return f"Subject: {subject[:_MAX_QUOTED_CHARS]}"
    heads = [data[:_MAX_ENCLOSED_BYTES].lower() for _, data in mail.files]
    if any(b"x-hmxmroriginalrecipient:" in head for head in heads):
        return "X-HmXmrOriginalRecipient"
    return None
