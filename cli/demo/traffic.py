"""Invented, plausible traffic for `santral up --demo`, sent through the real doors.

Every name and number here is invented. The messages use the door's mail hook, its API and its web
chat, as any customer's program would. Lines in the terminal guide the user.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import format_datetime

import httpx2
import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from runtime.clock import SystemClock
from runtime.settings.structs import Settings
from schemas.base import Record
from schemas.incident import Incident
from schemas.text.fold import fold

Say = Callable[[str], object]

_NAMES = (
    "Ayşe Örnek",
    "Mehmet Deneme",
    "Elif Kurgu",
    "Can Hayali",
    "Zeynep Misal",
    "İpek Taslak",
    "Oğuz Varsayım",
    "Jane Sample",
    "Tom Example",
    "Nina Fiction",
)
_TEXTS = (
    ("Kargom nerede", "Merhaba, {n} numaralı siparişim {d} gündür gelmedi. Kargom nerede?"),
    ("Siparis", "siparisim hala gelmedi, siparis no {n}, ne zaman gelecek"),
    ("Fatura", "Bu ay faturam çok yüksek geldi, {a} TL fazla ücret yansıtmışsınız."),
    ("İade", "{n} numaralı siparişteki ayakkabı küçük geldi, değişim ya da iade istiyorum."),
    ("Kırık ürün", "Ürün kırık geldi, kutusu ezikti. Para iadesi talep ediyorum."),
    ("İnternet yok", "Sabahtan beri internet yok, modemin ışığı yanmıyor. Kesinti mi var?"),
    ("Şifre", "Şifremi unuttum, doğrulama kodu gelmiyor. Hesabıma giremiyorum."),
    ("İptal", "Aboneliğimi iptal etmek istiyorum, başka operatöre geçiyorum artık."),
    ("Bilgi", "Öğrenciler için kampanyanız var mı? 20 GB paketin fiyatı nedir?"),
    ("Toplu alım", "Şirketimiz için 40 hat almak istiyoruz, kurumsal teklif rica ederiz."),
    ("KVKK", "KVKK kapsamında kişisel verilerimin silinmesini istiyorum."),
    ("Şikâyet", "Müşteri temsilciniz çok kabaydı, telefonu yüzüme kapattı. Şikayetçiyim!"),
    ("Teşekkür", "Dünkü hızlı çözüm için teşekkürler, hizmetinizden çok memnunum."),
    ("Hakem heyeti", "Cevap alamıyorum, tüketici hakem heyetine başvuracağım."),
    ("Where is my order", "Hi, my order {n} has not arrived yet. Where is my parcel?"),
    ("Refund", "The vase arrived broken. I want a refund for order {n}, please."),
    ("Charged twice", "I was charged twice this month, {a} TL each time. Please check."),
    ("No signal", "There is no signal at my home since yesterday, is there an outage?"),
    ("Locked out", "I cannot log in, my account is locked. It is urgent."),
    ("Interview", "I am a journalist and would like an interview for an article."),
    ("Duman", "Acil! Şarj cihazından duman çıktı, ne yapmalıyım?"),
    ("", "selam"),
    ("", "?"),
    ("Bir konu", "Merhaba, geçen gün konuşmuştuk, sonuç ne oldu?"),
)


_OUTAGE = (
    ("İnternet gitti", "Karşıyaka'da internet gitti, ne zaman gelecek?"),
    ("Karşıyaka", "karsiyaka internet yok sabahtan beri, ariza mi var"),
    ("Kesinti", "Karşıyaka'da oturuyorum, internet kesildi, modemin ışığı kırmızı yanıyor."),
    ("Internet", "Evden çalışıyorum, Karşıyaka'da internet yok, acil bakar mısınız?"),
    ("No internet", "No internet in Karşıyaka since this morning, is there an outage?"),
)
_BROKEN = range(120, 480)
"""Each third of these messages comes from another customer without internet."""
_SOON_S = 30  # the time that the watch took at the default rate
_INCIDENT_POLL_S = 2.0


def texts() -> list[str]:
    """Return what the demo's customers write on an ordinary day."""
    return [f"{s}\n{t}".format(n=123456, d=3, a=250) for s, t in _TEXTS]


async def play(settings: Settings, rate: float, count: int | None, seed: int, say: Say) -> None:
    """Send `rate` messages a second until `count`, telling what became of them. After 120 the
    internet is gone at one place, for 360: an incident to be seen on its page."""
    rng = random.Random(seed)  # noqa: S311 - invented traffic, not secrets
    for line in guide(settings.door.desk_url, rate):
        say(line)
    announcing = asyncio.create_task(_announce(settings, say))
    start, sent, results = time.monotonic(), 0, Counter[str]()
    headers = {"Authorization": f"Bearer {settings.tokens.door}"}
    async with httpx2.AsyncClient(base_url=settings.console.door_url, headers=headers) as door:
        tasks: set[asyncio.Task[None]] = set()
        while count is None or sent < count:
            sent += 1
            kind = rng.choices(("mail", "api", "chat"), (5, 3, 2))[0]
            broken = sent % 3 == 0 and sent in _BROKEN
            subject, text = rng.choice(_OUTAGE if broken else _TEXTS)
            name = f"{rng.choice(_NAMES)} {sent}" if broken else rng.choice(_NAMES)
            text = text.format(
                n=rng.randint(100000, 999999), d=rng.randint(2, 9), a=rng.randint(50, 900)
            )
            writes = _write(door, settings, kind, (name, subject, text), sent, results)
            tasks.add(asyncio.create_task(writes))
            tasks = {t for t in tasks if not t.done()}
            if sent % 20 == 0 or sent == count:
                counts = ", ".join(f"{k} {v}" for k, v in sorted(results.items()))
                say(f"demo: {sent} sent in {time.monotonic() - start:.0f} s ({counts})")
            await asyncio.sleep(max(0.0, start + sent / rate - time.monotonic()))
        await asyncio.gather(*tasks)
    announcing.cancel()
    say("demo: " + ", ".join(f"{k} {v}" for k, v in sorted(results.items())))


def guide(console: str, rate: float) -> list[str]:
    """Return the guide to the demo: pages and times, at `rate` messages a second."""
    begin, length = _BROKEN.start / rate, len(_BROKEN) / rate
    return [
        f"demo: now            {console}/           messages arrive and are decided",
        f"demo: at any time    {console}/desk       claim, answer and move messages",
        f"demo: in {begin:3.0f} s       one town loses its internet for {length:.0f} s",
        f"demo: {_SOON_S} s later     {console}/incidents  an incident opens; a line here says so",
    ]


async def _announce(settings: Settings, say: Say) -> None:
    """Announce the first incident that began after this demo did."""
    began, url = SystemClock().now(), settings.door.desk_url
    headers = {"Authorization": f"Bearer {settings.tokens.console}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers) as console:
        while True:
            await asyncio.sleep(_INCIDENT_POLL_S)
            try:
                answer = await console.get("/v1/incidents")
                incidents = msgspec.json.decode(answer.content, type=_Incidents).incidents
            except (httpx2.TransportError, msgspec.DecodeError):
                continue  # the console restarts: try again until the demo ends
            for incident in incidents:
                if incident.opened_at >= began:
                    say(
                        f"demo: an incident is open: {incident.title} ({incident.customers} "
                        f"customers so far). Look at {url}/incidents/{incident.id}"
                    )
                    return


class _Incidents(Record, frozen=True):
    """The answer of GET /v1/incidents."""

    incidents: tuple[Incident, ...]


async def _write(
    door: httpx2.AsyncClient,
    settings: Settings,
    kind: str,
    words: tuple[str, str, str],
    number: int,
    results: Counter[str],
) -> None:
    name, subject, text = words
    try:
        if kind == "mail":
            answer = await door.post("/v1/hooks/mail/default", content=_mail(name, subject, text))
            results[f"mail {answer.status_code}"] += 1
        elif kind == "api":
            sender = {"name": name, "customer_no": f"D{number:05d}"}
            native = f"demo-{time.time_ns()}-{number}"
            body = {"native_id": native, "subject": subject, "text": text, "sender": sender}
            answer = await door.post("/v1/messages", json=body)
            results[f"api {answer.status_code}"] += 1
        else:
            results[f"chat {await _chat(settings, name, text)}"] += 1
    except (httpx2.TransportError, OSError, WebSocketException, TimeoutError) as error:
        results[f"{kind} {type(error).__name__}"] += 1


def _mail(name: str, subject: str, text: str) -> bytes:
    mail = EmailMessage()
    address = f"{'.'.join(fold(name).split())}@ornek.example"
    mail["From"] = f'"{name}" <{address}>'
    mail["To"] = "destek@santral.example"
    mail["Subject"] = subject
    mail["Date"] = format_datetime(SystemClock().now())
    mail["Message-ID"] = f"<demo.{time.time_ns()}@ornek.example>"
    mail.set_content(text + "\n\n-- \n" + name + "\n", charset="utf-8", cte="8bit")
    return mail.as_bytes()


async def _chat(settings: Settings, name: str, text: str) -> str:
    url = settings.console.door_url.replace("http", "ws", 1) + "/v1/chat"
    async with asyncio.timeout(10), connect(url) as socket:
        await socket.send(json.dumps({"type": "hello", "name": name}))
        await socket.recv()
        await socket.send(json.dumps({"type": "message", "id": "1", "text": text}))
        return str(json.loads(await socket.recv())["type"])
