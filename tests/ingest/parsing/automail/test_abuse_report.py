"""Reports of providers about our mail, and complaints of people. Invented."""

from datetime import UTC, datetime

import pytest

from ingest.parsing.mail.message import parse_message
from schemas.message import Automatic, Message

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
OURS = "<m1@destek.example>"
ORIGINAL = (
    "From: Destek <destek@destek.example>\nTo: Yok <yok@musteri.example>\n"
    f"Message-ID: {OURS}\nSubject: Ynt: x\n\nselam"
)


def _read(head: str, body: str) -> Message:
    raw = f"{head.strip()}\nMessage-ID: <b@posta.example>\n\n{body}".replace("\n", "\r\n").encode()
    return parse_message(raw, brand="default", account="a", received_at=NOW)[0]


def _machine(head: str, body: str) -> Automatic:
    machine = _read(head, body).automatic
    assert machine is not None
    return machine


REPORT = "Feedback-Type: abuse\nUser-Agent: x/1.0\nVersion: 1"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (
            "From: fbl@isp.example\nSubject: x\n"
            "Content-Type: multipart/report; report-type=feedback-report; boundary=b",
            "--b\n\nThis is an email abuse report.\n--b--\n",
        ),
        (
            "From: fbl@isp.example\nSubject: x\nContent-Type: multipart/mixed; boundary=b",
            f"--b\nContent-Type: message/feedback-report\n\n{REPORT}\n--b--\n",
        ),
        (
            "From: staff@isp.example\nSubject: complaint about message from 192.0.2.1\n"
            "Content-Type: multipart/mixed; boundary=b",
            f"--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\n--b--\n",
        ),
        (
            "From: postmaster@isp.example\nSubject: x\nContent-Type: multipart/report; boundary=b",
            f"--b\n\n{REPORT}\n--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\n--b--\n",
        ),
        (
            "From: dmarc@isp.example\nSubject: Report Domain: destek.example Submitter: isp Report-ID: 1\n"
            "Content-Type: application/gzip; name=r.xml.gz",
            "x",
        ),
    ],
)
def test_reports_about_our_mail_are_found_without_all_their_parts(head: str, body: str) -> None:
    assert _machine(head, body).kind == "abuse_report"


def test_a_persons_complaint_about_spam_is_not_a_report() -> None:
    head = "From: Ada <ada@musteri.example>\nSubject: Spam report"
    assert _read(head, "This is a spam report: stop writing to me.").automatic is None
