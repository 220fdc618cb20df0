"""The contact form at the door loses no text, lets quick senders wait and shows a receipt."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from types import SimpleNamespace

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.channel import Context, Delivery, Parsed
from ingest.channels.form import Account, Form, make_stamp
from ingest.door.contact_form import FormDoor
from ingest.door.public_pages import chat_page, language_of
from schemas.errors import Retry

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
KEY = b"k"
WORDS = "Faturam iki kez kesildi.\nIğdır şubesi & <merkez> bilmiyor."


class Visitors:
    """A form, who it was handed to, and how long senders waited."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.waits: list[float] = []
        self.away = False
        self.now = NOW

    async def publish_or_spool(
        self, channel: Form, settings: Account, delivery: Delivery, **_options: object
    ) -> None:
        """Take a delivery, as ingest/intake/accept.py does."""
        if self.away:
            raise Retry(30, "the disk is full")
        parsed = channel.parse(delivery, Context(brand="d", settings=settings))
        self.taken.append(parsed.message.text)

    async def parse(self, channel: Form, delivery: Delivery, settings: Account) -> Parsed:
        """Parse a delivery, as ingest/intake/accept.py does."""
        return channel.parse(delivery, Context(brand="d", settings=settings))

    async def pause(self, seconds: float) -> None:
        """Let time pass at once."""
        self.waits.append(seconds)


@pytest.fixture
def visitors() -> Visitors:
    """The fake ingest step that takes forms."""
    return Visitors()


@pytest.fixture
async def client(visitors: Visitors) -> AsyncIterator[httpx2.AsyncClient]:
    """A visitor's browser with Turkish as its language."""
    ingest = SimpleNamespace(
        clock=SimpleNamespace(now=lambda: visitors.now),
        parse=visitors.parse,
        publish_or_spool=visitors.publish_or_spool,
    )
    door = FormDoor(ingest=ingest, key=KEY, max_body=50_000, pause=visitors.pause)

    async def endpoint(request: Request) -> Response:
        return await door.answer(request, "a", Account())

    app = Starlette(routes=[Route("/v1/forms/a", endpoint, methods=["GET", "POST"])])
    transport = httpx2.ASGITransport(app=app)
    headers = {"Accept-Language": "tr-TR,tr;q=0.9,en;q=0.8"}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://door", headers=headers
    ) as browser:
        yield browser


async def send(client: httpx2.AsyncClient, query: str = "", **fields: str) -> httpx2.Response:
    """Send a form as a browser does."""
    values = {
        "stamp": make_stamp(KEY, "a", NOW - timedelta(minutes=1)),
        "website": "",
        "text": WORDS,
        "email": "ayse@ornek.example",
        "phone": "",
        "name": "",
        "subject": "",
    } | fields
    return await client.post(f"/v1/forms/a{query}", files={k: (None, v) for k, v in values.items()})


def typed(page: str) -> str:
    """Return the text in the form's large field."""
    match = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    return unescape(match[1]) if match else ""


def stamp_of(page: str) -> str:
    """Return the stamp that a page bears."""
    match = re.search(r'name="stamp" value="([^"]*)"', page)
    return match[1] if match else ""


async def test_a_form_is_taken_and_its_receipt_names_the_next_step(
    client: httpx2.AsyncClient, visitors: Visitors
) -> None:
    answer = await send(client)
    assert answer.status_code == 200
    assert visitors.taken == [WORDS]
    assert re.search(r'<code id="reference"[^>]*>[0-9A-F]{8}</code>', answer.text)
    assert 'lang="tr"' in answer.text
    assert "Bundan sonra" in answer.text
    assert "ayse@ornek.example" in answer.text
    assert "What happens next" in (await send(client, "?lang=en")).text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"email": ""}, "Lütfen e-posta adresinizi ya da telefon numaranızı yazın."),
        ({"email": "ayse ornek"}, "E-posta adresi eksik ya da hatalı."),
        ({"email": "", "phone": "12"}, "Telefon numarası eksik ya da hatalı."),
        ({"website": "http://x"}, "Göndermek için lütfen bir kez daha"),
        ({"stamp": "1.2"}, "bir kez daha"),
        ({"stamp": make_stamp(KEY, "a", NOW - timedelta(days=2))}, "bir kez daha"),
    ],
    ids=["no address", "bad mail", "bad number", "hidden field", "false stamp", "old page"],
)
async def test_a_refused_form_comes_back_with_all_that_was_typed(
    client: httpx2.AsyncClient, visitors: Visitors, fields: dict[str, str], says: str
) -> None:
    entries = {"name": "Ayşe & Can", "subject": "Fatura"}
    answer = await send(client, **entries, **fields)
    assert answer.status_code == 400
    assert says in unescape(answer.text)
    assert typed(answer.text) == WORDS
    assert 'value="Ayşe &amp; Can"' in answer.text
    assert visitors.taken == []
    # The door takes the form once the person corrects the field.
    corrected = {"email": "ayse@ornek.example", "phone": "", "stamp": stamp_of(answer.text)}
    again = await send(client, **entries, **(fields | corrected))
    assert again.status_code == 200
    assert visitors.taken == [WORDS]


async def test_a_missing_text_is_named_and_its_field_marked(client: httpx2.AsyncClient) -> None:
    page = (await send(client, text="  ")).text
    assert '<a href="#text">Lütfen iletinizi yazın.</a>' in page
    assert 'aria-invalid="true" aria-describedby="text-flaw ' in page


async def test_a_quick_sender_waits_and_is_taken(
    client: httpx2.AsyncClient, visitors: Visitors
) -> None:
    shown = await client.get("/v1/forms/a")
    visitors.now = NOW + timedelta(seconds=1)
    assert (await send(client, stamp=stamp_of(shown.text))).status_code == 200
    assert visitors.waits == [pytest.approx(2)]


async def test_while_nothing_can_be_kept_the_form_is_shown_again(
    client: httpx2.AsyncClient, visitors: Visitors
) -> None:
    visitors.away = True
    answer = await send(client)
    assert (answer.status_code, typed(answer.text)) == (503, WORDS)
    assert "Retry-After" in answer.headers
    visitors.away = False
    assert (await send(client, stamp=stamp_of(answer.text))).status_code == 200


async def test_the_language_is_changed_without_losing_the_text(client: httpx2.AsyncClient) -> None:
    answer = await send(client, email="", language="en")
    assert answer.status_code == 200
    assert "Your message" in answer.text
    assert typed(answer.text) == WORDS
    assert 'role="alert"' not in answer.text


async def test_chosen_files_are_named_when_they_are_to_be_chosen_again(
    client: httpx2.AsyncClient,
) -> None:
    answer = await client.post(
        "/v1/forms/a", data={"text": WORDS}, files={"files": ("fatura.pdf", b"%PDF")}
    )
    assert "Dosyaları yeniden ekleyin: fatura.pdf" in answer.text
    large = await client.post(
        "/v1/forms/a", data={"text": WORDS}, files={"files": ("x", b"x" * 60_000)}
    )
    assert large.status_code == 413
    assert "Dosyalarınız çok büyük" in large.text


@pytest.mark.parametrize(
    ("wishes", "query", "language"),
    [
        ("tr-TR,tr;q=0.9,en;q=0.8", "", "tr"),
        ("en-GB,en;q=0.9,tr;q=0.8", "", "en"),
        ("de-DE,de;q=0.9,tr;q=0.5,en;q=0.3", "", "tr"),
        ("en;q=0.2, tr;q=0.7", "", "tr"),
        ("", "", "en"),
        ("tr", "lang=en", "en"),
        ("en", "lang=tr", "tr"),
        ("*;q=x", "", "en"),
    ],
)
def test_the_visitors_language_is_the_first_choice_of_the_browser(
    wishes: str, query: str, language: str
) -> None:
    request = Request(
        {
            "type": "http",
            "headers": [(b"accept-language", wishes.encode())],
            "query_string": query.encode(),
        }
    )
    assert language_of(request) == language


def test_the_chat_page_lets_its_line_scroll_and_offers_to_copy_it() -> None:
    page = chat_page("tr", "magaza")
    assert re.search(r"pre \{[^}]*overflow-x: auto", page)
    assert 'data-account="magaza" data-language="tr"' in page
    assert '<button id="copy"' in page
