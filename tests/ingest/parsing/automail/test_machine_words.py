"""Machines' answers without a header that says so, and people's mails that look alike."""

from datetime import UTC, datetime

import pytest

from ingest.parsing.mail.message import parse_message
from schemas.message import Message

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
FLAG = ("no_automatic_answer",)


def _read(head: str, body: str) -> Message:
    raw = f"{head.strip()}\nMessage-ID: <b@posta.example>\n\n{body}".replace("\n", "\r\n").encode()
    return parse_message(raw, brand="default", account="a", received_at=NOW)[0]


@pytest.mark.parametrize(
    "subject",
    [
        "Automated Response: Re: Sipariş",
        "Auto-Response: Sipariş",
        "Autoreply: Sipariş",
        "Otomatik Yanıt: Sipariş",
        "Otomatik cevap: Sipariş",
        "[Auto-Reply]: Sipariş",
        "Automatische Antwort: Sipariş",
        "Réponse automatique : Sipariş",
        "Autosvar: Sipariş",
        "Respuesta automática: Sipariş",
        "Автоматический ответ: Sipariş",
        "自动回复：Sipariş",
        "Automatisch antwoord: Sipariş",
        "Automatyczna odpowiedź: x",
        "Odpowiedź automatyczna: x",
        "תשובה אוטומטית: x",
        "Avtomatik cavab: x",
        "Balasan otomatis: x",
        "Автоматичен отговор: x",
        "Automatski odgovor: x",
        "Automatinis atsakymas: x",
        "Resposta automàtica: x",
        "Siparişim (verification required)",
        "Re: Siparişim (verification required)",
    ],
)
def test_a_machines_title_gets_no_machines_answer(subject: str) -> None:
    message = _read(
        f"From: Destek <destek@baska.example>\nSubject: {subject}", "Mesajınız için sağ olun."
    )
    assert message.automatic is not None or message.flags == FLAG


@pytest.mark.parametrize(
    "sender",
    [
        "no-reply@x.example",
        "noreply+42@x.example",
        "do_not_reply@x.example",
        "bilgi.noreply@x.example",
        "donotreply@x.example",
        "yanitlamayin@x.example",
    ],
)
def test_an_address_that_nobody_reads_gets_no_answer(sender: str) -> None:
    assert _read(f"From: Magaza <{sender}>\nSubject: Kampanya", "Yeni ürünler.").flags == FLAG


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (
            "In-Reply-To: <m1@destek.example>\nSubject: Ticket Received - 286614",
            "Talebiniz alındı, numaranız 286614.",
        ),
        ("Subject: Bilgi", "Bu e-posta otomatik oluşturulmuştur, lütfen yanıtlamayınız."),
        ("Subject: Info", "This is an automated message. Please do not reply to this email."),
        (
            "Subject: Hello",
            "The message you sent requires that you verify that you are a real human.",
        ),
    ],
)
def test_a_mail_that_says_it_is_a_machines_gets_no_answer(head: str, body: str) -> None:
    message = _read(f"From: Destek <destek@baska.example>\n{head}", body)
    assert (message.automatic, message.flags) == (None, FLAG)


def test_a_persons_answer_that_quotes_a_machine_is_answered() -> None:
    quote = "> Bu e-posta otomatik oluşturulmuştur, lütfen yanıtlamayınız."
    head = "From: Ada <ada@ornek.example>\nIn-Reply-To: <m1@x>\nSubject: Ynt: Talebiniz alındı"
    assert _read(head, f"Hâlâ bekliyorum.\n\n{quote}").flags == ()


def test_a_form_that_names_the_customer_in_reply_to_is_answered() -> None:
    head = "From: Form <noreply@x.example>\nReply-To: ada@ornek.example\nSubject: İletişim formu"
    message = _read(head, "Ürün kırık geldi.")
    assert (message.automatic, message.flags) == (None, ())


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (
            "From: <no-reply@x.example>\nSubject: Automated Response: Re: Paketiniz",
            "We cannot handle your message because this is a no-reply e-mail address.",
        ),
        (
            "From: <do-not-reply@x.example>\nSubject: Re: Siparişiniz",
            "This is an automated response. Replies are not read.",
        ),
        (
            "From: <noreply@x.example>\nIn-Reply-To: <m1@destek.example>\nSubject: Talebiniz alındı",
            "Bu e-posta otomatik oluşturulmuştur, lütfen yanıtlamayınız.",
        ),
        (
            "From: <destek@x.example>\nAuto-Submitted: auto-generated\nSubject: [#12] Ticket Received",
            "Your request has been received.",
        ),
        (
            "From: <destek@x.example>\nAuto-Submitted: auto-replied\nSubject: Başvurunuz",
            "Başvurunuz tarafımıza ulaşmıştır, takip numaranız 42.",
        ),
    ],
)
def test_a_receipt_for_our_own_mail_opens_nothing(head: str, body: str) -> None:
    machine = _read(head, body).automatic
    assert machine is not None
    assert machine.kind == "receipt"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("Subject: Re: Automatic reply: Fatura", "Fatura hâlâ yanlış."),
        ("Subject: Otomatik ödeme talimatı", "Otomatik ödememi iptal edin."),
        ("Subject: Talebim alındı mı?", "Talep numaram 42, lütfen yanıtlayın."),
        ("Subject: Ticket received?", "I got your e-mail, your request has been received? Help."),
        ("Subject: Out of office furniture", "Do you sell it?"),
        ("Subject: Absence of invoice", "I have no invoice for March."),
        ("Subject: Kargo teslim edildi mi", "Teslim edildi görünüyor ama almadım."),
        ("Subject: Başarılı işlem ama ürün yok", "Ödeme başarılı görünüyor."),
        ("Subject: Success", "Delivered to the wrong house."),
    ],
)
def test_a_persons_mail_is_never_a_machines(head: str, body: str) -> None:
    message = _read(f"From: Ada <ada@ornek.example>\n{head}", body)
    assert (message.automatic, message.flags) == (None, ())


def test_a_lists_own_mails_are_the_lists() -> None:
    head = "From: liste-owner@x.example\nList-Id: <liste.x.example>\nX-Mailman-Version: 2.1.39"
    assert _read(f"{head}\nSubject: confirm 1234abcd", "x").automatic is not None
    assert _read(f"{head}\nX-List-Administrivia: yes\nSubject: x", "x").automatic is not None
    customer = "From: Ada <ada@ornek.example>\nList-Id: <destek.x.example>\nX-Mailman-Version: 3"
    assert _read(f"{customer}\nSubject: Fatura", "Fatura yanlış.").automatic is None


SUBJECTS = (
    "Teslim edilemeyen sipariş",
    "Undelivered parcel",
    "Returned to sender",
    "Delivery failed twice",
    "Mail delivery problem",
    "Delivery status?",
    "Gönderilemedi",
    "Your mail was rejected",
    "User unknown",
    "DSN: modem",
    "Warning: message",
    "Nicht zugestellt",
    "devolución del pedido",
    "Talebim alındı",
    "Ticket opened wrongly",
    "Success!",
    "Abuse report",
    "配送について",
)
BODIES = (
    "Kargo alıcı bulunamadı diyor, adres doğru: ada@ornek.example",
    "The courier says recipient unknown. My e-mail: ada@ornek.example",
    "Size yazdığım mail geri döndü: 550 5.1.1 user unknown <destek@firma.example>",
    "Sipariş 4.1.2 numaralı kutuda, teslim edilemedi yazıyor. 550 TL ödedim.",
    "Posta kutum dolu, yeni adresim ada2@ornek.example",
    "My order was not delivered.\n\n-----Original Message-----\nFrom: <destek@firma.example>\n"
    "To: ada@ornek.example\nMessage-ID: <a@firma.example>\n\nselam",
)


@pytest.mark.parametrize("thread", ["", "\nIn-Reply-To: <a@firma.example>"])
@pytest.mark.parametrize("subject", SUBJECTS)
@pytest.mark.parametrize("body", BODIES)
def test_customers_words_about_deliveries_are_not_a_machines(
    subject: str, body: str, thread: str
) -> None:
    message = _read(f"From: Ada Su <ada@ornek.example>\nSubject: {subject}{thread}", body)
    assert (message.automatic, message.flags) == (None, ())
