"""No address of console and API answers with a personal number, in whatever field it came.

Every route of the application is walked, also those that are added later: a path parameter that
is not known here fails the test until it is given a value.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

from router.decision.decide import decide_message
from runtime import store
from runtime.clock import SystemClock
from runtime.health.checks import Health
from runtime.http.server import token_name
from runtime.settings.structs import Settings, TokensSettings
from schemas import envelope, topics
from schemas.base import Record
from schemas.decision import WorkItem
from schemas.http_api.bodies import PERSONAL_HEADER
from schemas.incident import Incident, Sign
from schemas.message import Attachment, Automatic, Bounce, Call, Forwarded, Handle, Party, Turn
from schemas.outcome import Outcome
from schemas.state.link import Link, pair
from tests.support.desk.open_queue import Published, open_desk_queue, redis, server
from tests.support.samples import NOW, message, policy
from workers.console.api import Api
from workers.console.app import app
from workers.desk.commands import Desk
from workers.desk_queue.values import QueuedMessage
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import write_rows
from workers.run import MIGRATIONS

__all__ = ["redis", "server"]

IDENTITY, CARD, IBAN = "10000000146", "4111111111111111", "TR330006100519786457841326"
TEXT = f"TC 100 000 001 46, kart 4111.1111.1111.1111, IBAN {IBAN[:4]}-{IBAN[4:]} ve {IDENTITY}"
TOKENS = TokensSettings(
    door="d" * 32, desk="e" * 32, console="c" * 32, signing="s" * 32, personal="p" * 32
)


def everywhere(native: str, **more: Any) -> Any:
    """Return a message with numbers in every field that a stranger fills."""
    named = Party(
        name=f"Ada {IDENTITY}",
        handles=(Handle(kind="customer_no", value=IDENTITY), Handle(kind="handle", value=CARD)),
    )
    fields = {
        "subject": TEXT,
        "full_text": f"{TEXT}\n> {TEXT}",
        "sender": named,
        "recipients": (named,),
        "native_id": f"{native}:{IDENTITY}",
        "thread": (f"<{IDENTITY}@ornek.example>",),
        "attachments": (
            Attachment(name=f"{IDENTITY}.pdf", type="application/pdf", size=1, sha256="a" * 64),
        ),
        "forwarded": Forwarded(sender=named, subject=TEXT, text=TEXT, recipients=(named,)),
        "call": Call(turns=(Turn(speaker=IDENTITY, role="customer", start=0, end=1, text=TEXT),)),
        "accepted_by": token_name(TOKENS.door),
    }
    return message(TEXT, native=native, root=native, **(fields | more))


DECIDED, UNDECIDED = everywhere("1"), everywhere("2")
BOUNCED = everywhere(
    "3",
    automatic=Automatic(
        kind="bounce",
        evidence=TEXT,
        bounce=Bounce(recipient=IDENTITY, hard=True, reason=TEXT),
    ),
)
INCIDENT = "11111111-2222-4333-8444-555555555555"


def records() -> list[tuple[str, Record]]:
    """Return the records: three messages with their results, an incident, a link."""
    decided = decide_message(DECIDED, None, policy(), NOW)
    assert decided.item is not None
    moved = Outcome(
        id="o1",
        kind="rerouted",
        brand="default",
        conversation=DECIDED.conversation,
        item=DECIDED.id,
        department="billing",
        messages=(DECIDED.id,),
        at=NOW,
        agent=IDENTITY,
        text=TEXT,
        reason=TEXT,
        moved=decided.item,
        to="legal",
    )
    incident = Incident(
        id=INCIDENT,
        brand="default",
        status="opened",
        title=TEXT,
        words=(IDENTITY,),
        messages=(DECIDED.id,),
        opened_at=NOW,
        at=NOW,
        customers=3,
        text_tr=TEXT,
        signs=(Sign(term="t", word=IDENTITY, share=1, weight=3),),
    )
    identifier, a, b = pair("default", f"customer_no:{IDENTITY}", "email:ada@ornek.example")
    link = Link(
        id=identifier,
        brand="default",
        a=a,
        b=b,
        status="linked",
        message=DECIDED.id,
        reason=TEXT,
        agent=IDENTITY,
        at=NOW,
    )
    return [
        (topics.MESSAGES.name, DECIDED),
        (topics.MESSAGES.name, UNDECIDED),
        (topics.MESSAGES.name, BOUNCED),
        (topics.DECISIONS.name, decided.decision),
        (topics.OUTCOMES.name, moved),
        (topics.INCIDENTS.name, incident),
        (topics.LINKS.name, link),
    ]


@pytest.fixture
def recorded(tmp_path: Any) -> Any:
    """A store in which the records stand."""
    url = f"sqlite:///{tmp_path}/s.db"
    store.migrate(url, MIGRATIONS)
    engine = store.engine(url)
    rows = Rows(search_key=TOKENS.signing.encode())
    for offset, (topic, record) in enumerate(records()):
        add_record(rows, topic, 0, offset, envelope.encode(record))
    with engine.begin() as connection:
        write_rows(connection, rows)
    yield engine
    engine.dispose()


@pytest.fixture
async def api(recorded: Engine, redis: "Redis[bytes]", tmp_path: Any) -> Any:
    """The API, with the decided message waiting at its desk."""
    desk_queue = await open_desk_queue(redis)
    settings = msgspec.structs.replace(Settings(), home=str(tmp_path), tokens=TOKENS)
    desk = Desk(
        settings=settings,
        desk_queue=desk_queue,
        publisher=Published(desk_queue),
        clock=SystemClock(),
    )  # type: ignore[arg-type]
    return Api(settings=settings, desk=desk, store=recorded, trial=_trial)


def _trial(text: str) -> Any:
    return decide_message(message(text), None, policy(), NOW).decision


@pytest.fixture
def console(api: Any) -> Starlette:
    """The console as an application."""
    import asyncio

    return app(api, Health("console"), asyncio.Event())


async def waiting(api: Any) -> str:
    """Put the decided message into its line; return the department."""
    item = decide_message(DECIDED, None, policy(), NOW).item
    assert isinstance(item, WorkItem)
    department = item.decision.department
    await api.desk.desk_queue.add(
        [
            QueuedMessage(
                department=department,
                conversation=DECIDED.conversation,
                message=DECIDED.id,
                hops=0,
                work=envelope.encode(item),
                arrived_ms=1,
                score=0,
                quiet=False,
            )
        ]
    )
    return department


@pytest.fixture
async def client(console: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser that is signed in, with the console's token for the API."""
    transport = httpx2.ASGITransport(app=console, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://console") as browser:
        signed = await browser.get("/", params={"token": TOKENS.console})
        assert signed.status_code == 303
        yield browser


def numbers_in(answer: httpx2.Response) -> list[str]:
    """Return the personal numbers that an answer has in the clear, however they are separated."""
    text = answer.text + str(answer.headers)
    joined = re.sub(r"[^0-9A-Za-z]", "", text).upper()
    return [n for n in (IDENTITY, CARD, IBAN) if n in joined]


FORM = {
    "text": "Merhaba",
    "lease": "x",
    "note": "",
    "reason": "r",
    "to": "legal",
    "status": "linked",
    "kind": "email",
    "value": "eve@ornek.example",
    "text_tr": "a",
    "text_en": "",
    "name": "Ada",
    "into": "",
    "path": "/",
}
JSON = {
    "agent": "ayse",
    "lease": "x",
    "text": "Merhaba",
    "reason": "r",
    "a": f"customer_no:{IDENTITY}",
    "b": "email:eve@ornek.example",
    "status": "linked",
    "text_tr": "a",
}


def _paths(route: BaseRoute, department: str) -> list[str]:
    """Return the addresses of a route, with every value that its parameters may have here."""
    if isinstance(route, Mount):
        return []
    assert isinstance(route, Route)
    ids = [INCIDENT] if "/incidents/" in route.path else [DECIDED.id, UNDECIDED.id, BOUNCED.id]
    values = {
        "id": ids,
        "department": [department],
        "item": [DECIDED.id],
        "sha256": ["a" * 64],
        "verb": [
            "reply",
            "complete",
            "release",
            "reroute",
            "escalate",
            "reveal",
            "confirm",
            "dismiss",
            "close",
            "answer",
        ],
    }
    paths = [route.path]
    for name in re.findall(r"{(\w+)}", route.path):
        assert name in values, f"{route.path}: give the path parameter {name!r} a value here"
        paths = [p.replace(f"{{{name}}}", value) for p in paths for value in values[name]]
    return paths


async def test_no_route_answers_with_a_personal_number(
    console: Starlette, client: httpx2.AsyncClient, api: Any
) -> None:
    department = await waiting(api)
    walked = 0
    for route in console.routes:
        for path in _paths(route, department):
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                if method == "HEAD" or path == "/logout":
                    continue
                answers = [
                    await client.request(method, path, data=FORM if method == "POST" else None)
                ]
                for token in (TOKENS.door, TOKENS.desk, TOKENS.console):
                    head = {"Authorization": f"Bearer {token}"}
                    body = JSON if method == "POST" else None
                    answers.append(await client.request(method, path, headers=head, json=body))
                for answer in answers:
                    assert answer.status_code != 500, (method, path, answer.text)
                    assert numbers_in(answer) == [], (method, path)
                walked += 1
    assert walked > 50
    for query in ("/messages?q=ada", "/messages?q=TC", "/messages?q=kart"):
        response = await client.get(query)
        assert numbers_in(response) == []


async def test_a_search_for_a_reference_goes_straight_to_its_message_and_for_a_beginning_nowhere(
    client: httpx2.AsyncClient,
) -> None:
    straight = await client.get("/messages", params={"q": DECIDED.id[:8].upper()})
    assert (straight.status_code, straight.headers["location"]) == (303, f"/messages/{DECIDED.id}")
    all_of_them = await client.get("/messages", params={"q": IDENTITY})
    assert all_of_them.text.count('href="/messages/') >= 3
    assert numbers_in(all_of_them) == [IDENTITY], "what the person typed stands in the field alone"
    assert all_of_them.text.count(IDENTITY) == 1
    for beginning in (IDENTITY[:9], CARD[:12], IBAN[:20]):
        page = await client.get("/messages", params={"q": beginning})
        assert 'href="/messages/' not in page.text.partition("<main")[2], beginning


async def test_a_claimed_item_is_masked_without_the_personal_token_and_a_look_is_recorded(
    client: httpx2.AsyncClient, api: Any
) -> None:
    department = await waiting(api)
    head = {"Authorization": f"Bearer {TOKENS.desk}"}
    path, body = f"/v1/desk/{department}/claim", {"agent": "ayse"}
    (item,) = (await client.post(path, headers=head, json=body)).json()["items"]
    assert IDENTITY not in str(item)
    lease = {"lease": item["lease"]}
    assert (
        await client.post(f"/v1/desk/items/{DECIDED.id}/release", headers=head, json=lease)
    ).status_code == 200
    wrong = await client.post(path, headers=head | {PERSONAL_HEADER: "x"}, json=body)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "token.wrong")
    assert not [r for r in api.desk.publisher.records if r.kind == "revealed"]
    revealed = await client.post(path, headers=head | {PERSONAL_HEADER: TOKENS.personal}, json=body)
    assert revealed.json()["items"][0]["messages"][0]["text"] == TEXT
    (look,) = [r for r in api.desk.publisher.records if r.kind == "revealed"]
    assert (look.agent, look.messages) == ("ayse", (DECIDED.id,))


async def test_a_page_shows_the_numbers_of_an_item_only_with_the_token_and_records_it(
    client: httpx2.AsyncClient, api: Any
) -> None:
    department = await waiting(api)
    page = await client.post(f"/desk/{department}")
    assert numbers_in(page) == []
    lease = re.search(r'name="lease" value="([^"]+)"', page.text)
    assert lease
    base, form = f"/desk/{department}/{DECIDED.id}/reveal", {"lease": lease[1]}
    assert numbers_in(await client.post(base, data=form | {"token": "wrong"})) == []
    shown = await client.post(base, data=form | {"token": TOKENS.personal})
    assert set(numbers_in(shown)) == {IDENTITY, CARD, IBAN}
    records_kept = [r for r in api.desk.publisher.records if r.kind == "revealed"]
    assert [(r.agent, r.item) for r in records_kept] == [("admin", DECIDED.id)]


async def test_a_door_token_reads_how_far_its_own_message_is_and_no_word(
    client: httpx2.AsyncClient, recorded: Engine
) -> None:
    head = {"Authorization": f"Bearer {TOKENS.door}"}
    receipt = (await client.get(f"/v1/messages/{DECIDED.id}", headers=head)).json()
    assert receipt == {
        "id": DECIDED.id,
        "conversation": DECIDED.conversation,
        "brand": "default",
        "state": "routed",
    }
    waits = (await client.get(f"/v1/messages/{UNDECIDED.id}", headers=head)).json()
    assert waits["state"] == "accepted"
    other = everywhere("9", accepted_by=token_name("another"))
    rows = Rows()
    add_record(rows, topics.MESSAGES.name, 1, 0, envelope.encode(other))
    with recorded.begin() as connection:
        write_rows(connection, rows)
    refused = await client.get(f"/v1/messages/{other.id}", headers=head)
    assert (refused.status_code, refused.json()["code"]) == (404, "message.unknown")
    read = await client.get(
        f"/v1/messages/{other.id}", headers={"Authorization": f"Bearer {TOKENS.desk}"}
    )
    assert read.json()["message"]["id"] == other.id


async def test_the_whole_message_is_read_with_the_personal_token_and_that_is_recorded(
    client: httpx2.AsyncClient, api: Any
) -> None:
    head = {"Authorization": f"Bearer {TOKENS.console}", PERSONAL_HEADER: TOKENS.personal}
    answer = (await client.get(f"/v1/messages/{DECIDED.id}", headers=head)).json()
    assert answer["message"]["text"] == TEXT
    (look,) = api.desk.publisher.records
    assert (look.kind, look.agent, look.item) == ("revealed", "token:console", DECIDED.id)


async def test_a_handle_that_is_shown_masked_can_still_be_linked(
    client: httpx2.AsyncClient, api: Any
) -> None:
    head = {"Authorization": f"Bearer {TOKENS.console}"}
    path = f"/v1/messages/{DECIDED.id}/customer"
    shown = [h["node"] for h in (await client.get(path, headers=head)).json()["handles"]]
    (masked,) = [n for n in shown if n.startswith("customer_no:")]
    assert "*" in masked
    body = {
        "agent": "ayse",
        "a": masked,
        "b": "email:eve@ornek.example",
        "status": "linked",
        "message": DECIDED.id,
    }
    assert (await client.post("/v1/links", headers=head, json=body)).status_code == 200
    (link,) = api.desk.publisher.records
    assert f"customer_no:{IDENTITY}" in (link.a, link.b)
    page = await client.get(f"/messages/{DECIDED.id}/customer")
    form = {"a": masked, "b": "email:eve@ornek.example", "status": "unlinked"}
    assert masked in page.text
    await client.post(f"/messages/{DECIDED.id}/customer", data=form)
    assert f"customer_no:{IDENTITY}" in (
        api.desk.publisher.records[-1].a,
        api.desk.publisher.records[-1].b,
    )
