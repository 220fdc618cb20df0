"""A console whose store and desk have personal numbers in every field that a stranger fills."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

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
from schemas.decision import Decision, WorkItem
from schemas.incident import Incident, Sign
from schemas.message import (
    Attachment,
    Automatic,
    Bounce,
    Call,
    Forwarded,
    Handle,
    Message,
    Party,
    Turn,
)
from schemas.outcome import Outcome
from schemas.state.link import Link, pair
from tests.support.desk.open_queue import FeedPublisher, open_desk_queue, redis, server
from tests.support.messages import NOW, message, policy
from tests.support.workers.personal_numbers import CARD, IBAN, IDENTITY
from workers.console.api import ConsoleApi
from workers.console.app import app
from workers.desk.commands import Desk
from workers.desk_queue.values import QueuedMessage
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import write_rows
from workers.run import MIGRATIONS

__all__ = ["redis", "server"]


TEXT = f"TC 100 000 001 46, kart 4111.1111.1111.1111, IBAN {IBAN[:4]}-{IBAN[4:]} ve {IDENTITY}"


TOKENS = TokensSettings(
    door="d" * 32, desk="e" * 32, console="c" * 32, signing="s" * 32, personal="p" * 32
)


def everywhere(native: str, **more: object) -> Message:
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
def recorded(tmp_path: Path) -> Iterator[Engine]:
    """A store that has the records."""
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
async def api(recorded: Engine, redis: "Redis[bytes]", tmp_path: Path) -> ConsoleApi:
    """The API, with the decided message waiting at its desk."""
    desk_queue = await open_desk_queue(redis)
    settings = msgspec.structs.replace(Settings(), home=str(tmp_path), tokens=TOKENS)
    desk = Desk(
        settings=settings,
        desk_queue=desk_queue,
        publisher=FeedPublisher(desk_queue),
        clock=SystemClock(),
    )  # type: ignore[arg-type]
    return ConsoleApi(settings=settings, desk=desk, store=recorded, trial=_trial)


def _trial(text: str) -> Decision:
    return decide_message(message(text), None, policy(), NOW).decision


@pytest.fixture
def console(api: ConsoleApi) -> Starlette:
    """The console as an application."""
    import asyncio

    return app(api, Health("console"), asyncio.Event())


def list_published(api: ConsoleApi) -> list[Record]:
    """Return the records that the desk has published."""
    publisher: object = api.desk.publisher
    assert isinstance(publisher, FeedPublisher)
    return publisher.records


def list_reveals(api: ConsoleApi) -> list[Outcome]:
    """Return the published outcomes of people who saw personal numbers."""
    return [r for r in list_published(api) if isinstance(r, Outcome) and r.kind == "revealed"]


async def add_to_desk(api: ConsoleApi, **changes: object) -> str:
    """Put the decided message, with `changes`, into its line; return the department."""
    item = decide_message(msgspec.structs.replace(DECIDED, **changes), None, policy(), NOW).item
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


def paths_of(route: BaseRoute, department: str) -> list[str]:
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
