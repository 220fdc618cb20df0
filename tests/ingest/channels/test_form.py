"""The contact form: what a person fills in, and what gives a machine away."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.form import Account, Form, doubt, read, stamped, wait_s
from ingest.door.public_pages import FormPage, form_page
from schemas.errors import Rejected

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
KEY = b"k"
STAMP = stamped(KEY, "a", NOW - timedelta(minutes=1))


def filled(files: tuple[tuple[str, bytes], ...] = (), **fields: str) -> bytes:
    told = {
        "stamp": STAMP,
        "website": "",
        "name": "Ayşe",
        "email": "Ayse@ornek.example",
        "phone": "",
        "subject": "Fatura",
        "text": "Faturam yanlış\r\ngeldi",
    } | fields
    parts = [
        f'--B\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode()
        for k, v in told.items()
    ]
    parts += [
        f'--B\r\nContent-Disposition: form-data; name="files"; filename="{n}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
        + d
        + b"\r\n"
        for n, d in files
    ]
    return b"multipart/form-data; boundary=B\n" + b"".join(parts) + b"--B--\r\n"


def _parsed(raw: bytes) -> Parsed:
    return Form().parse(
        Delivery(raw=raw, account="a", received_at=NOW), Context(brand="d", settings=Account())
    )


def test_words_person_and_files_are_taken() -> None:
    made = _parsed(filled((("fatura.pdf", b"%PDF-1.4 x"), ("", b"")), phone="0532 111 22 33"))
    message = made.message
    assert (message.text, message.subject, message.kind) == (
        "Faturam yanlış\ngeldi",
        "Fatura",
        "form",
    )
    assert [h.value for h in message.sender.handles] == ["ayse@ornek.example", "+905321112233"]
    assert message.reply_to == "ayse@ornek.example"
    assert [(a.name, a.type) for a in message.attachments] == [("fatura.pdf", "application/pdf")]
    assert made.files == (b"%PDF-1.4 x",)
    assert _parsed(filled()).message.id == _parsed(filled()).message.id, (
        "pressed twice is one message"
    )
    assert _parsed(filled()).message.id != _parsed(filled(text="başka")).message.id
    one, other = (_parsed(filled((("a.txt", d),))).message for d in (b"bir", b"iki"))
    assert one.id != other.id, "the same words with another file"


@pytest.mark.parametrize(
    ("told", "number"),
    [
        ("0532 111 22 33", "+905321112233"),
        ("+49 30 1234567", "+49301234567"),
        ("0090 532 111 22 33", "+905321112233"),
        ("(212) 555 66 77 dahili 12", "+902125556677"),
        ("5321112233", "+905321112233"),
    ],
)
def test_a_number_is_read_as_people_write_it(told: str, number: str) -> None:
    made = _parsed(filled(email="", phone=told)).message
    assert [h.value for h in made.sender.handles] == [number]
    assert made.reply_to is None


def test_more_files_than_are_taken_are_said_and_more_parts_refused() -> None:
    made = _parsed(filled(tuple((f"{n}.txt", b"x%d" % n) for n in range(12)))).message
    assert len(made.attachments) == 10
    assert "attachment.too_many" in made.repaired
    with pytest.raises(Rejected, match="500 parts"):
        _parsed(filled(tuple((f"{n}.txt", b"x") for n in range(600))))


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"text": " "}, "nothing is written"),
        ({"email": "", "phone": "12"}, "not a phone number"),
        ({"email": "x"}, "not a mail address"),
        ({"email": "a@b.example", "phone": "12"}, "not a phone number"),
        ({"email": "", "phone": ""}, "neither a mail address nor a phone number"),
        ({"text": "x" * 100_001}, "longer than"),
    ],
)
def test_what_can_not_be_answered_is_told(more: dict[str, str], what: str) -> None:
    with pytest.raises(Rejected, match=what):
        _parsed(filled(**more))


CONFIRMED = stamped(KEY, "a", NOW - timedelta(minutes=1), confirmed=True)


@pytest.mark.parametrize(
    ("more", "now", "why"),
    [
        ({}, NOW, None),
        ({"website": "http://spam"}, NOW, "hidden_field"),
        ({"stamp": ""}, NOW, "false_stamp"),
        ({"stamp": STAMP[:-1] + "x"}, NOW, "false_stamp"),
        ({"stamp": "²." + STAMP}, NOW, "false_stamp"),
        ({}, NOW + timedelta(hours=25), "too_old"),
        ({"stamp": CONFIRMED, "website": "x"}, NOW, None),
    ],
)
def test_what_looks_like_a_machines_is_to_be_confirmed(
    more: dict[str, str], now: datetime, why: str | None
) -> None:
    assert doubt(read(filled(**more)), KEY, "a", now) == why
    assert doubt(read(filled()), KEY, "b", NOW) == "false_stamp", "a stamp is one form's"


@pytest.mark.parametrize(("age", "waits"), [(0, 3), (1, 2), (2.5, 0.5), (3, 0), (3600, 0), (-9, 3)])
def test_a_quick_sender_waits_for_the_rest_of_three_seconds(age: float, waits: float) -> None:
    form = read(filled(stamp=stamped(KEY, "a", NOW)))
    assert wait_s(form, NOW + timedelta(seconds=age)) == pytest.approx(waits)


def test_the_page_speaks_both_languages_and_escapes_what_others_wrote() -> None:
    form = read(filled(text="<script>alert(1)</script>", name='"><b>'))
    account = Account(title_tr="<Bize> yazın")
    turkish = form_page("a", account, FormPage(language="tr", filled=form), STAMP)
    assert "&lt;Bize&gt; yazın" in turkish
    assert 'lang="tr"' in turkish
    assert "alert(1)</script>" not in turkish
    assert '"><b>' not in turkish
    assert "Your message" in form_page("a", Account(), FormPage(language="en"), STAMP)
    assert "{{" not in turkish
