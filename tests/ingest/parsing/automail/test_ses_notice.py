"""Notices of Amazon SES about our mail. Invented."""

import json
from datetime import UTC, datetime

import pytest

from ingest.parsing.mail.message import parse_message
from schemas.message import Automatic, Bounce, Message

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
OURS = "<m1@destek.example>"


def _read(head: str, body: str) -> Message:
    raw = f"{head.strip()}\nMessage-ID: <b@posta.example>\n\n{body}".replace("\n", "\r\n").encode()
    return parse_message(raw, brand="default", account="a", received_at=NOW)[0]


def _machine(head: str, body: str) -> Automatic:
    machine = _read(head, body).automatic
    assert machine is not None
    return machine


def _bounce(head: str, body: str) -> Bounce:
    machine = _machine(head, body)
    assert machine.kind == "bounce"
    assert machine.bounce is not None
    return machine.bounce


SNS = "From: AWS Notifications <no-reply@sns.amazonaws.com>\nX-Amz-SNS-Message-Id: 1\nSubject: x"


def _ses(kind: str, **event: object) -> str:
    notice = {
        "notificationType": kind,
        kind[:1].lower() + kind[1:]: event,
        "mail": {
            "messageId": "0100-ses",
            "destination": ["yok@musteri.example"],
            "commonHeaders": {"messageId": OURS},
        },
    }
    return json.dumps(notice)


def test_amazons_notice_of_a_bounce_is_read_out_of_its_json() -> None:
    recipient = {"emailAddress": "Yok@musteri.example", "diagnosticCode": "smtp; 550 5.1.1 no user"}
    body = _ses("Bounce", bounceType="Permanent", bouncedRecipients=[recipient])
    footer = "\n\n--\nIf you wish to stop receiving notifications, visit https://aws.example/{x}"
    bounce = _bounce(SNS, body + footer)
    assert (bounce.recipient, bounce.hard, bounce.original) == ("yok@musteri.example", True, OURS)
    assert "5.1.1" in bounce.reason


def test_amazons_notice_is_read_with_nulls_and_names() -> None:
    nobody = _bounce(SNS, _ses("Bounce", bounceType="Undetermined", bouncedRecipients=None))
    assert (nobody.recipient, nobody.hard) == ("yok@musteri.example", False)
    recipient = {"emailAddress": "Yok <yok@musteri.example>", "status": None}
    named = _bounce(SNS, _ses("Bounce", bounceType="Permanent", bouncedRecipients=[recipient]))
    assert named.recipients == ("yok@musteri.example",)


def test_amazons_notice_is_read_when_wrapped_and_folded() -> None:
    full = _ses("Bounce", bounceType="Transient", bounceSubType="MailboxFull")
    wrapped = json.dumps({"Type": "Notification", "Message": full})
    folded = f"{wrapped[:60]}!\n {wrapped[60:]}"
    for body in (full, wrapped, folded):
        bounce = _bounce(SNS, body)
        assert (bounce.hard, bounce.reason) == (False, "Transient MailboxFull")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("Delivery", "receipt"), ("Complaint", "abuse_report"), ("DeliveryDelay", "bounce")],
)
def test_amazons_other_notices_are_distinguished(kind: str, expected: str) -> None:
    machine = _machine(SNS, _ses(kind))
    assert machine.kind == expected
    assert machine.bounce is None or machine.bounce.delayed


def test_the_same_json_in_a_persons_mail_is_text() -> None:
    head = "From: Ada <ada@musteri.example>\nSubject: x"
    assert _read(head, _ses("Bounce", bounceType="Permanent")).automatic is None
