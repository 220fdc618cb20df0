"""Letters are composed, and Turkish read with a wrong charset is repaired. Invented texts."""

import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.offline.decisions import decide_lines, load_trial_policy
from cli.offline.trial import Trial
from ingest.channel import Delivery
from ingest.channels.api import Api
from ingest.intake.accept import Ingest
from ingest.intake.spool import Spool
from ingest.parsing.letters.composition import compose
from ingest.parsing.letters.mojibake import repair_mojibake
from ingest.parsing.letters.repair import repair_letters
from runtime.archive.folder_archive import FolderArchive
from runtime.clock import SystemClock
from runtime.settings.structs import Settings
from runtime.spool import DiskSpool
from schemas.message import Attachment, Call, Forwarded, Message, Party, Turn
from schemas.topics import AnyTopic
from tests.support.messages import NOW, message

MAX_SECONDS = 0.5
"""CPU time for a message of a thousand names: it takes a tenth of that."""

TURKISH = [
    "Siparişim dört gündür kargoda bekliyor, ne zaman ulaşır?",
    "İnternet aboneliğimi iptal ettirmek istiyorum, cayma bedeli çıkar mı?",
    "Faturamdaki aşım ücretini anlamadım, lütfen açıklayın.",
    "Aldığım ayakkabının tabanı bir haftada ayrıldı.",
    "Müşteri temsilcisi görüşmeyi yarıda kapattı",
    "Şifremi yenileyemiyorum, doğrulama kodu gelmiyor",
    "Belediyenin sayılı kararına göre işçi alımı yapılacaktır.",
    "Ödeme yaptığım hâlde siparişim onaylanmadı!",
    "ŞİKÂYETİM VAR, ÜRÜN KIRIK ÇIKTI",
]
OTHERS = [
    "Ég pantaði vöruna fyrir tveimur vikum og hún er enn ekki komin.",
    "Það er ekki hægt að skrá sig inn á síðuna, getið þið hjálpað mér?",
    "Góðan daginn, ég vil skila þessari peysu og fá endurgreitt.",
    "Eg havi ikki móttikið pakkan, sum eg bílegði í seinastu viku.",
    "Kunnu tit siga mær, nær tað verður sent? Eg havi bíðað leingi við hesum.",
    "Þa se cyning þæt gehyrde, þa wæs he swiðe bliðe on his mode.",
    "Dobrý den, objednaný mobilný telefón nebyl doručený, prosím o rýchlu odpoveď.",
    "Nový výrobok je pokazený a chýba mi návod.",
    "Tôi muốn đổi địa chỉ giao hàng, xin quý công ty giúp ý kiến.",
    "Salam, men ýazyjy kitabyny aldym, ýöne ol gelmedi, nähili ýagdaý?",
    "Kärhana şu gün açyk, ýöne size şertnama ýazmaly, nähili edeliň?",
    "Ma commande n’est pas arrivée, où est-elle ? Très déçu, ça suffit !",
    "¿Dónde está mi pedido? Ya pasó una semana y aún no llegó. ¡Qué vergüenza!",
    "Die Größe passt nicht, ich möchte die Schuhe zurückschicken. Schöne Grüße",
    "Não recebi a encomenda, ATENÇÃO: já são três semanas à espera. SITUAÇÃO INACEITÁVEL",
    "Pakken er ødelagt, og jeg vil gerne have pengene tilbage. Ærgerligt! ÅRHUS Å–kaj",
    "Beställningen är försenad, när kommer den? Hälsningar från Åsa",
    "Câți lei costă livrarea? Mulțumesc, aștept răspuns.",
    "Þór Guðmundsson ordered two chairs, please call him.",
    "Siparişi Sigurður Guðmundsson adına verdim, Þórður almış olabilir.",
]


def _as_1252(text: str) -> str:
    """Return a text whose UTF-8 was read as windows-1252, with the five holes as Latin-1."""
    return "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())


WAYS: dict[str, Callable[[str], str]] = {
    "1254 as Latin-1": lambda text: text.encode("cp1254").decode("latin-1"),
    "UTF-8 as Latin-1": lambda text: text.encode().decode("latin-1"),
    "UTF-8 as 1252": _as_1252,
    "UTF-8 as 1254": lambda text: "".join(
        bytes([byte]).decode("cp1254", "ignore") or chr(byte) for byte in text.encode()
    ),
    "UTF-8 as 1252, twice": lambda text: _as_1252(_as_1252(text)),
    "1254 as Latin-1, its UTF-8 as 1252": lambda text: _as_1252(
        text.encode("cp1254").decode("latin-1")
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", TURKISH)
def test_turkish_read_by_a_wrong_charset_is_read_again(text: str, way: str) -> None:
    assert repair_mojibake(WAYS[way](text)) == text


@pytest.mark.parametrize("text", [*OTHERS, *TURKISH, "OK", "það", "Þýðing", "við", "ý", ""])
def test_other_languages_and_right_turkish_stay_as_they_are(text: str) -> None:
    assert repair_mojibake(text) == text


def test_only_the_lines_that_were_misread_change() -> None:
    text = "Şikâyetim aşağıda, yanıtınızı bekliyorum.\nSipariþim gelmedi, lütfen ilgilenin.\nÞór Guðjónsson"
    expected = text.replace("Sipariþim", "Siparişim")
    assert repair_mojibake(text) == expected


def test_emoji_and_quotation_marks_are_read_again_with_the_words() -> None:
    assert repair_mojibake(_as_1252("Kargom gelmedi 😡 “yarın” dediniz, çok üzgünüm ₺50")) == (
        "Kargom gelmedi 😡 “yarın” dediniz, çok üzgünüm ₺50"
    )


@given(st.text(max_size=200))
def test_repairing_twice_is_repairing_once(text: str) -> None:
    once = repair_mojibake(compose(text))
    assert repair_mojibake(once) == once
    assert unicodedata.is_normalized("NFC", compose(text))


def test_every_text_of_a_message_is_composed() -> None:
    loose = unicodedata.normalize("NFD", "İğne Şişli")
    person = Party(name=loose)
    repaired = repair_letters(
        message(
            loose,
            sender=person,
            recipients=(person,),
            subject=f"{loose} i\u0307",
            attachments=(Attachment(name=loose, type="text/plain", size=1, sha256="x"),),
            forwarded=Forwarded(sender=person, subject=loose, text=loose),
            call=Call(
                turns=(
                    Turn(
                        speaker=loose,
                        role="customer",
                        start=0,
                        end=1,
                        text=f"{loose} kim",
                        unsure=((15, 18),),
                    ),
                )
            ),
        )
    )
    assert repaired.call is not None
    (turn,) = repaired.call.turns
    assert [turn.text[a:b] for a, b in turn.unsure] == ["kim"]
    assert repaired.subject == "İğne Şişli i"
    raw = msgspec.json.encode(repaired).decode()
    assert unicodedata.is_normalized("NFC", raw)
    assert "\u0307" not in raw
    assert repaired.repaired == ()


def test_a_repaired_message_says_so_and_keeps_the_received_text() -> None:
    typed = "Sipariþim gelmedi, lütfen ilgilenin, þikâyet edeceðim"
    repaired = repair_letters(message(typed, subject="Þikâyet", sender=Party(name="Ayþe Yýldýz")))
    assert repaired.text == "Siparişim gelmedi, lütfen ilgilenin, şikâyet edeceğim"
    assert (repaired.subject, repaired.sender.name) == ("Şikâyet", "Ayşe Yıldız")
    assert (repaired.full_text, repaired.repaired) == (typed, ("text.mojibake",))
    assert repair_letters(repaired) == repaired


@pytest.mark.parametrize(
    "typed",
    [
        unicodedata.normalize("NFD", "İade işlemim gecikti, şikâyetçiyim"),
        "i\u0307ade işlemim gecikti, şikâyetçiyim",
        "ÝADE ÝÞLEMÝM GECÝKTÝ, ÞÝKÂYETÇÝYÝM",
    ],
)
def test_a_text_is_decided_as_the_same_text_with_its_letters_in_order(typed: str) -> None:
    settings = Settings()
    lines = [
        msgspec.json.encode({"text": x}) for x in ("İade işlemim gecikti, şikâyetçiyim", typed)
    ]
    right, repaired = decide_lines(lines, settings, load_trial_policy(settings))
    assert (repaired.department, repaired.intent, repaired.language) == (
        right.department,
        right.intent,
        right.language,
    )


class _Bus:
    """A publisher that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, _topic: AnyTopic, record: Message, **_options: object) -> None:
        self.messages.append(record)


_BODY = msgspec.json.encode(
    {"native_id": "1", "text": "I\u0307ade için şikâyet", "sender": {"email": "ada@ornek.example"}}
)


async def test_intake_publishes_and_a_trial_shows_composed_text(tmp_path: Path) -> None:
    bus = _Bus()
    ingest = Ingest(
        archive=FolderArchive(tmp_path),
        spool=Spool(DiskSpool(tmp_path / "spool")),
        publisher=bus,
        clock=SystemClock(),  # type: ignore[arg-type]  # keeps records
        brand="default",
    )
    delivery = Delivery(raw=_BODY, account="a", received_at=NOW)
    await ingest.publish_or_bury(Api(), delivery, Api.account())
    (line,) = Trial(Settings(), "api", "a").run("body.json", _BODY)
    shown = msgspec.json.decode(line, type=Message)
    assert [message.text for message in (*bus.messages, shown)] == ["İade için şikâyet"] * 2


def test_a_thousand_names_cost_no_more_than_they_would_alone() -> None:
    """The language of their message is looked at once, not for each of them."""
    names = tuple(Party(name=f"Ayþe Yýldýz {number}") for number in range(1000))
    crowded = message("Sayýn yetkili, sipariþim hala gelmedi. " * 100, recipients=names)
    began = time.process_time()
    assert repair_letters(crowded).recipients[-1].name == "Ayşe Yıldız 999"
    assert time.process_time() - began < MAX_SECONDS
