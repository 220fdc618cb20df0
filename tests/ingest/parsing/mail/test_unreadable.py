"""A mail that the parser cannot read still reaches a person, under the id of a good parse."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.parsing.mail.message import parse_message
from ingest.parsing.mail.unreadable import read_headers, unreadable_message
from schemas.message import Message
from schemas.text import reply_token

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = b"key"
OURS = reply_token.message_id(KEY, "0190d3a1-1111-7000-8000-000000000001", "7", "destek.example")

MAILS = [
    b"From: =?utf-8?q?Ay=C5=9Fe?= <ayse@musteri.example>\r\nTo: destek@destek.example\r\n"
    b"Subject: =?utf-8?b?S8SxcsSxayDDvHLDvG4=?=\r\nMessage-ID: <m1@musteri.example>\r\n"
    b"Date: Fri, 13 Mar 2026 14:20:00 +0300\r\nReferences: <a@x.example>\r\n <b@x.example>\r\n\r\nselam",
    b"From: ayse@musteri.example\nIn-Reply-To: " + OURS.encode() + b"\nMessage-ID: <m2@x>\n\nselam",
    b"From: ayse@musteri.example\r\nSubject: kimliksiz\r\n\r\nselam",
    b"From: ayse@musteri.example\r\nTo: <d@x.example>\r\nIn-Reply-To: <d@x.example>\r\n\r\nselam",
]


def _unreadable(raw: bytes) -> Message:
    return unreadable_message(
        raw, brand="default", account="a", received_at=NOW, mailbox="INBOX", signing_key=KEY
    )


@pytest.mark.parametrize("raw", MAILS)
def test_an_unreadable_mail_has_the_identity_and_the_headers_of_a_good_parse(raw: bytes) -> None:
    good, _ = parse_message(
        raw, brand="default", account="a", received_at=NOW, mailbox="INBOX", signing_key=KEY
    )
    unreadable = _unreadable(raw)
    for name in (
        "id",
        "native_id",
        "conversation",
        "thread",
        "sender",
        "recipients",
        "subject",
        "sent_at",
    ):
        assert getattr(unreadable, name) == getattr(good, name), name


def test_an_unreadable_mail_says_so_in_both_languages() -> None:
    unreadable = _unreadable(MAILS[0])
    assert unreadable.repaired == ("unreadable",)
    assert "okunamadı" in unreadable.text
    assert "could not be read" in unreadable.text
    assert unreadable.flags == ()


def test_an_unreadable_machines_mail_asks_for_no_answer() -> None:
    assert _unreadable(b"Return-Path: <>\r\nFrom: x@y.example\r\n\r\n").flags == (
        "no_automatic_answer",
    )


def test_without_a_from_the_reply_address_is_the_sender() -> None:
    unreadable = _unreadable(b"From: \r\nReply-To: ayse@musteri.example\r\n\r\n")
    assert unreadable.sender.handle("email") == "ayse@musteri.example"


def test_headers_are_read_up_to_a_bound() -> None:
    assert len(read_headers(b"X-A: b\r\n" * 200_000)) == 200
    assert max(len(value) for _, value in read_headers(b"From: " + b"a" * 1_000_000)) <= 8192


@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    _unreadable(raw)
    _unreadable(b"From: " + raw + b"\r\nMessage-ID: <" + raw + b"\r\nDate: " + raw)
