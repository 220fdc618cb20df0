"""The contact form: the message of a form, its flaws, and the signs of a machine."""

import re
from datetime import datetime, timedelta

import pytest

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.form import Account, Form, find_doubt, make_stamp, read_form, seconds_to_wait
from ingest.door.public_pages import FormPage, form_page
from schemas.errors import Rejected
from tests.support.samples.registry import SAMPLED_AT, SAMPLES

NOW = SAMPLED_AT
KEY = b"k"
STAMP = make_stamp(KEY, "a", NOW - timedelta(minutes=1))
CONFIRMED = make_stamp(KEY, "a", NOW - timedelta(minutes=1), confirmed=True)
FORM_END = b"--B--\r\n"


def encode_form(files: tuple[tuple[str, bytes], ...] = (), **fields: str) -> bytes:
    """Return the sample's form with these files and fields, and with a stamp that counts."""
    form = SAMPLES["form"].payload
    for name, value in ({"stamp": STAMP} | fields).items():
        field = re.compile(rb'(name="%s"\r\n\r\n).*?(?=\r\n--B)' % name.encode(), re.DOTALL)
        match = field.search(form)
        assert match, f"the form has no field {name}"
        form = form[: match.end(1)] + value.encode() + form[match.end() :]
    parts = b"".join(_file_part(filename, data) for filename, data in files)
    return form.removesuffix(FORM_END) + parts + FORM_END


def _file_part(filename: str, data: bytes) -> bytes:
    head = (
        f'--B\r\nContent-Disposition: form-data; name="files"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + data + b"\r\n"


def _parse(raw: bytes) -> Parsed:
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    return Form().parse(delivery, Context(brand="d", settings=Account()))


def test_a_form_gives_its_text_and_its_person() -> None:
    form = encode_form(
        email="Ayse@ornek.example", phone="0532 111 22 33", text="Faturam yanlış\r\ngeldi"
    )
    message = _parse(form).message
    assert message.text == "Faturam yanlış\ngeldi"
    assert (message.subject, message.kind) == ("Fatura", "form")
    handles = [handle.value for handle in message.sender.handles]
    assert handles == ["ayse@ornek.example", "+905321112233"]
    assert message.reply_to == "ayse@ornek.example"


def test_a_file_is_attached_and_an_empty_one_is_not() -> None:
    parsed = _parse(encode_form((("fatura.pdf", b"%PDF-1.4 x"), ("", b""))))
    files = [(attachment.name, attachment.type) for attachment in parsed.message.attachments]
    assert files == [("fatura.pdf", "application/pdf")]
    assert parsed.files == (b"%PDF-1.4 x",)


def test_a_form_that_is_sent_twice_is_one_message() -> None:
    first, again = (_parse(encode_form()).message for _ in range(2))
    assert first.id == again.id


def test_another_text_or_another_file_is_another_message() -> None:
    ids = {
        _parse(raw).message.id
        for raw in (
            encode_form(),
            encode_form(text="başka"),
            encode_form((("a.txt", b"bir"),)),
            encode_form((("a.txt", b"iki"),)),
        )
    }
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("0532 111 22 33", "+905321112233"),
        ("+49 30 1234567", "+49301234567"),
        ("0090 532 111 22 33", "+905321112233"),
        ("(212) 555 66 77 dahili 12", "+902125556677"),
        ("5321112233", "+905321112233"),
    ],
)
def test_a_number_is_read_as_people_write_it(written: str, number: str) -> None:
    message = _parse(encode_form(email="", phone=written)).message
    assert [handle.value for handle in message.sender.handles] == [number]
    assert message.reply_to is None


def test_ten_files_are_attached_and_the_message_records_that_there_were_more() -> None:
    files = tuple((f"{number}.txt", b"x%d" % number) for number in range(12))
    message = _parse(encode_form(files)).message
    assert len(message.attachments) == 10
    assert "attachment.too_many" in message.repaired


def test_a_form_with_hundreds_of_files_is_rejected() -> None:
    with pytest.raises(Rejected, match="500 parts"):
        _parse(encode_form(tuple((f"{number}.txt", b"x") for number in range(600))))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"text": " "}, "nothing is written"),
        ({"email": "", "phone": "12"}, "not a phone number"),
        ({"email": "x"}, "not a mail address"),
        ({"email": "a@b.example", "phone": "12"}, "not a phone number"),
        ({"email": "", "phone": ""}, "neither a mail address nor a phone number"),
        ({"text": "x" * 100_001}, "longer than"),
    ],
)
def test_an_incomplete_form_is_rejected_with_the_reason(
    fields: dict[str, str], reason: str
) -> None:
    with pytest.raises(Rejected, match=reason):
        _parse(encode_form(**fields))


@pytest.mark.parametrize(
    ("fields", "now", "doubt"),
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
def test_a_suspected_machine_has_to_confirm(
    fields: dict[str, str], now: datetime, doubt: str | None
) -> None:
    assert find_doubt(read_form(encode_form(**fields)), KEY, "a", now) == doubt


def test_the_stamp_of_another_form_is_false() -> None:
    assert find_doubt(read_form(encode_form()), KEY, "b", NOW) == "false_stamp"


@pytest.mark.parametrize(
    ("age_s", "expected_s"), [(0, 3), (1, 2), (2.5, 0.5), (3, 0), (3600, 0), (-9, 3)]
)
def test_a_quick_sender_waits_for_the_rest_of_three_seconds(
    age_s: float, expected_s: float
) -> None:
    form = read_form(encode_form(stamp=make_stamp(KEY, "a", NOW)))
    assert seconds_to_wait(form, NOW + timedelta(seconds=age_s)) == pytest.approx(expected_s)


def test_the_page_escapes_the_texts_of_others() -> None:
    form = read_form(encode_form(text="<script>alert(1)</script>", name='"><b>'))
    account = Account(title_tr="<Bize> yazın")
    page = form_page("a", account, FormPage(language="tr", filled=form), STAMP)
    assert "&lt;Bize&gt; yazın" in page
    assert "alert(1)</script>" not in page
    assert '"><b>' not in page
    assert "{{" not in page


def test_the_page_speaks_turkish_and_english() -> None:
    assert 'lang="tr"' in form_page("a", Account(), FormPage(language="tr"), STAMP)
    assert "Your message" in form_page("a", Account(), FormPage(language="en"), STAMP)
