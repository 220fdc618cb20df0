"""Mails cut, doubled and spliced anywhere: the parser raises nothing but Rejected."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.channel import Context, Delivery
from ingest.channels.email import Email
from ingest.channels.email.account import Account
from ingest.parsing.mail.unreadable import unreadable_message
from schemas.errors import Rejected

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)

SAMPLES = [
    "From: \"'Ada' via Destek\" <destek@x.example>\r\nTo: destek@x.example\r\nList-Id: <d.x.example>\r\n"
    "Reply-To: =?utf-8?q?Ad=C3=A2?= <ada@y.example>\r\nSubject: =?iso-2022-jp?B?GyRCQD0bKEI=?=\r\n"
    "Date: Fri, 13 Mar 2026 14:20:00 +0300\r\nReferences: <a@b> <c@d>\r\nMessage-ID: <[1@x]>\r\n"
    "Content-Type: multipart/mixed; boundary*0=b; boundary*1=c\r\n\r\n--bc\r\nContent-Type: text/plain;"
    " charset=utf-7; format=flowed\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n+AV4-ik =3D =\r\n"
    "\r\n--bc\r\nContent-Type: image/png; name*=utf-8''%C3%A7.png\r\nContent-Disposition: attachment\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--bc--\r\n",
    "From: MAILER-DAEMON@x.example\r\nReturn-Path: <>\r\nSubject: Undelivered Mail\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n"
    "<yok@y.example>: 550 5.1.1 no\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
    "Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; yok@y.example\r\nAction: failed\r\n"
    "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 user\r\n unknown\r\n--b\r\nContent-Type: message/rfc822\r\n"
    "\r\nFrom: destek@x.example\r\nTo: yok@y.example\r\nMessage-ID: <m1@x.example>\r\n\r\nx\r\n--b--\r\n",
    'From: no-reply@sns.amazonaws.com\r\nX-Amz-SNS-Message-Id: 1\r\n\r\n{"notificationType":"Bounce",'
    '"bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"yok@y.example"}]},"mail":'
    '{"messageId":"1","headers":[{"name":"Message-ID","value":"<m1@x.example>"}]}}\r\n--\r\nx',
    "From: Ada <ada@y.example>\r\nSubject: Declined: x\r\nContent-Type: multipart/alternative; boundary=b"
    "\r\n\r\n--b\r\nContent-Type: text/html; charset=windows-1254\r\n\r\n<p>selam<blockquote>x\r\n--b\r\n"
    'Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\nCOMMENT;X="a:b":Gelemem\\, pa\r\n'
    " zar\\n olur\r\nEND:VCALENDAR\r\n--b--\r\n",
    "From: staff@x.example\r\nSubject: complaint about message from 192.0.2.1\r\n"
    "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nFrom: a@b.c\r\n\r\nx\r\n--b\r\n"
    "Content-Type: application/pkcs7-mime; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "MIAGCSqGSIb3DQEHAqCAMIACAQExDzANBglghkgBZQME\r\n--b\r\nContent-Type: application/ms-tnef\r\n\r\n"
    'x\x9f>"\r\nbegin 644 a\r\n#86)C\r\n`\r\nend\r\n',
]
SPLICES = [
    b"\r\n",
    b"\r\n\r\n",
    b"\r",
    b"\n ",
    b"--b\r\n",
    b"--b--",
    b'"',
    b";",
    b"=",
    b"=?",
    b"?=",
    b"<",
    b">",
    b"@",
    b"(",
    b"\\",
    b"\x00",
    b"\xff\xfe",
    b"\x1b$B",
    b"\xe7",
    b"\x82\xa0",
    b"charset=idna",
    b"charset=undefined",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
    b"Content-Type: message/delivery-status\r\n\r\n",
    b"Content-Transfer-Encoding: x-uuencode\r\n",
    b"From: ",
    b"Date: ",
    b"{",
    b"}",
    b"[",
    b"+",
]
CHANGE = st.tuples(
    st.integers(0, 2000), st.integers(0, 60), st.sampled_from(SPLICES) | st.binary(max_size=6)
)


@given(
    st.sampled_from([sample.encode("utf-8") for sample in SAMPLES]),
    st.lists(CHANGE, min_size=1, max_size=8),
)
def test_a_damaged_mail_is_a_message_or_rejected(
    sample: bytes, changes: list[tuple[int, int, bytes]]
) -> None:
    raw = sample
    for offset, length, splice in changes:
        start = offset % (len(raw) + 1)
        raw = raw[:start] + splice + raw[start + length :]
    _parse(raw)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_mail_that_is_cut_anywhere_is_a_message(sample: str) -> None:
    raw = sample.encode()
    for end in range(1, len(raw), 7):
        _parse(raw[:end])


def _parse(raw: bytes) -> None:
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    try:
        message = Email().parse(delivery, Context(brand="default", settings=Account())).message
    except Rejected as error:
        assert error.code == "mime.empty"
    else:
        msgspec.json.encode(message)
    msgspec.json.encode(unreadable_message(raw, brand="default", account="a", received_at=NOW))
