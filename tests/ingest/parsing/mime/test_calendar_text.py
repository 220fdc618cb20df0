"""Invitations and their answers: the parser reads the person's words and keeps the file."""

from datetime import UTC, datetime

import pytest

from ingest.parsing.mail.message import parse_message
from ingest.parsing.mime.calendar_text import read_calendar
from schemas.message import Message

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _mail(*lines: str, head: str = "Content-Type: text/calendar; charset=utf-8") -> Message:
    event = "\r\n".join(("BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"))
    raw = f"From: a@ornek.example\r\nMessage-ID: <1@x>\r\n{head}\r\n\r\n{event}\r\n"
    return parse_message(raw.encode(), brand="default", account="a", received_at=NOW)[0]


def test_the_description_is_the_text_unfolded_and_unescaped() -> None:
    mail = _mail(
        "SUMMARY:Kurulum", "DESCRIPTION:Merhaba\\, ürün\\n hâlâ gel", " medi.", "LOCATION:x"
    )
    assert mail.text == "Merhaba, ürün\n hâlâ gelmedi."
    assert [(a.name, a.type) for a in mail.attachments] == [("calendar.ics", "text/calendar")]


def test_the_guests_comment_comes_first() -> None:
    mail = _mail('COMMENT;ALTREP="cid:x:y";LANGUAGE=tr:Evde değilim', "DESCRIPTION:Kurulum")
    assert mail.text == "Evde değilim\n\nKurulum"


def test_without_either_the_summary_is_shown_and_a_given_name_is_kept() -> None:
    mail = _mail("SUMMARY:Randevu", head="Content-Type: text/calendar; name=davet.ics")
    assert mail.text == "Randevu"
    assert mail.attachments[0].name == "davet.ics"


def test_a_mail_with_a_text_shows_only_that() -> None:
    raw = (
        b"From: a@ornek.example\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
        b"--b\r\n\r\nAda kabul etti.\r\n--b\r\nContent-Type: text/calendar\r\n\r\n"
        b"BEGIN:VCALENDAR\r\nDESCRIPTION:x\r\n--b--\r\n"
    )
    mail, _ = parse_message(raw, brand="default", account="a", received_at=NOW)
    assert mail.text == "Ada kabul etti."
    assert mail.attachments[0].name == "calendar.ics"


@pytest.mark.parametrize("text", ["", "BEGIN:VCALENDAR", "DESCRIPTION", 'COMMENT;a="b', "SUMMARY:"])
def test_other_bytes_than_a_calendar_have_no_text(text: str) -> None:
    assert read_calendar(text) == ""


@pytest.mark.parametrize("name", ["DESCRIPTION", "Description", "DESCRİPTİON", "descrıptıon"])
def test_the_names_of_a_calendars_fields_are_read_in_any_case(name: str) -> None:
    assert (
        read_calendar(f"BEGIN:VEVENT\n{name}:Gelemiyorum, beni arayın\n")
        == "Gelemiyorum, beni arayın"
    )
