"""Lines that telephones and gateways add to a mail, and similar sentences of people. All invented."""

import pytest

from ingest.parsing.mail_text.reply import own_words
from ingest.parsing.mail_text.signature import is_phone_line

OWN = "Merhaba,\n\nKargom hâlâ gelmedi."


def test_the_banner_of_a_gateway_is_cut_and_a_persons_warning_is_not() -> None:
    banner = "CAUTION: This e-mail originated from outside of the company.\nDo not click links."
    assert own_words(f"{banner}\n\n{OWN}", is_reply=False) == OWN
    turkish = "DİKKAT: Bu e-posta kurum dışından gönderilmiştir."
    assert own_words(f"{turkish}\n\n{OWN}", is_reply=False) == OWN
    own = f"Dikkat: modem çok ısınıyor!\n\n{OWN}"
    assert own_words(own, is_reply=False) == own
    assert own_words(banner, is_reply=False) == banner


@pytest.mark.parametrize(
    "line",
    [
        "Von meinem Mobilgerät gesendet",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Inviato da iPhone",
        "Enviado do meu iPhone",
        "Verstuurd vanaf mijn iPad",
        "Skickat från min iPhone",
        "Sendt fra min iPhone",
        "Lähetetty iPhonesta",
        "Wysłano z iPhone'a",
        "Odesláno z iPhonu",
        "Trimis de pe iPhone-ul meu",
        "Отправлено с iPhone",
        "Надіслано з iPhone",
        "iPhoneから送信",
        "发自我的iPhone",
        "나의 iPhone에서 보냄",
        "נשלח מה-iPhone שלי",
        "أرسلت من الـ iPhone",
        "Proton Mail güvenli e-postası ile gönderildi.",
        "Sent with Proton Mail secure email.",
        "(sent from a phone)",
        "Sent from my cell, please excuse any typos.",
        "From my Android",
        "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
        "Outlook für iOS beziehen",
        "Téléchargez Outlook pour Android",
        "Скачайте Outlook для iOS",
        "Stáhněte si Outlook pro Android",
        "获取 Outlook for iOS",
        "iOS용 Outlook 가져오기",
        "ส่งจาก iPhone ของฉัน",
        "iPhone-dan göndərilib",
        "Küldve az iPhone-omról",
        "Cep telefonumdan gönderildi",
        "General Mobile cihazımdan gönderildi",
        "Tabletimden gönderildi",
        "Turkcell BlackBerry'den gönderilmiştir",
        "BlueMail for Android ile gönderildi",
        "[Android için Outlook](https://aka.ms/x)'u edinin",
        "Get TypeApp for Android",
        "Sent from my Verizon, Samsung Galaxy smartphone",
        f"Get Outlook for iOS<https://gate.example/?url={'x' * 300}>",
    ],
)
def test_telephones_of_any_language_sign_with_a_line(line: str) -> None:
    assert is_phone_line(line)
    assert own_words(f"{OWN}\n\n{line}", is_reply=False) == OWN
    assert own_words(f"{OWN}\n\n--\n{line}", is_reply=False) == OWN


@pytest.mark.parametrize(
    "line",
    [
        "Sent from İzmir by courier",
        "Sent by mistake, please pay it back",
        "Von meiner Frau bestellt",
    ],
)
def test_a_persons_sentence_that_begins_like_a_signature_is_no_signature(line: str) -> None:
    assert not is_phone_line(line)
