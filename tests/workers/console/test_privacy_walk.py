"""No address of console and API answers with a personal number, in whatever field it came.

Every route of the application is walked, also those that are added later. A path parameter that is
not known here fails the test until it is given a value.
"""

import re

import httpx2
from sqlalchemy import Engine
from starlette.applications import Starlette

from runtime.http.server import token_name
from schemas import envelope, topics
from schemas.http_api.bodies import PERSONAL_HEADER
from schemas.state.link import Link
from tests.support.workers.console import (
    DECIDED,
    FORM,
    JSON,
    TEXT,
    TOKENS,
    UNDECIDED,
    add_to_desk,
    api,
    client,
    console,
    everywhere,
    list_published,
    list_reveals,
    paths_of,
    recorded,
    redis,
    server,
)
from tests.support.workers.personal_numbers import CARD, IBAN, IDENTITY
from workers.console.api import ConsoleApi
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import write_rows

__all__ = ["api", "client", "console", "recorded", "redis", "server"]


def numbers_in(answer: httpx2.Response) -> list[str]:
    """Return the personal numbers that an answer has in the clear, however they are separated."""
    text = answer.text + str(answer.headers)
    joined = re.sub(r"[^0-9A-Za-z]", "", text).upper()
    return [n for n in (IDENTITY, CARD, IBAN) if n in joined]


async def test_no_route_answers_with_a_personal_number(
    console: Starlette, client: httpx2.AsyncClient, api: ConsoleApi
) -> None:
    department = await add_to_desk(api)
    walked = 0
    for route in console.routes:
        for path in paths_of(route, department):
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
    client: httpx2.AsyncClient, api: ConsoleApi
) -> None:
    department = await add_to_desk(api)
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
    assert list_reveals(api) == []
    revealed = await client.post(path, headers=head | {PERSONAL_HEADER: TOKENS.personal}, json=body)
    assert revealed.json()["items"][0]["messages"][0]["text"] == TEXT
    (look,) = list_reveals(api)
    assert (look.agent, look.messages) == ("ayse", (DECIDED.id,))


async def test_a_page_shows_the_numbers_of_an_item_only_with_the_token_and_records_it(
    client: httpx2.AsyncClient, api: ConsoleApi
) -> None:
    department = await add_to_desk(api)
    page = await client.post(f"/desk/{department}", follow_redirects=True)
    assert numbers_in(page) == []
    lease = re.search(r'name="lease" value="([^"]+)"', page.text)
    assert lease
    base, form = f"/desk/{department}/{DECIDED.id}/reveal", {"lease": lease[1]}
    assert numbers_in(await client.post(base, data=form | {"token": "wrong"})) == []
    shown = await client.post(base, data=form | {"token": TOKENS.personal})
    assert set(numbers_in(shown)) == {IDENTITY, CARD, IBAN}
    assert [(r.agent, r.item) for r in list_reveals(api)] == [("admin", DECIDED.id)]


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
    client: httpx2.AsyncClient, api: ConsoleApi
) -> None:
    head = {"Authorization": f"Bearer {TOKENS.console}", PERSONAL_HEADER: TOKENS.personal}
    answer = (await client.get(f"/v1/messages/{DECIDED.id}", headers=head)).json()
    assert answer["message"]["text"] == TEXT
    (look,) = list_reveals(api)
    assert len(list_published(api)) == 1
    assert (look.agent, look.item) == ("token:console", DECIDED.id)


async def test_a_handle_that_is_shown_masked_can_still_be_linked(
    client: httpx2.AsyncClient, api: ConsoleApi
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
    (link,) = list_published(api)
    assert isinstance(link, Link)
    assert f"customer_no:{IDENTITY}" in (link.a, link.b)
    page = await client.get(f"/messages/{DECIDED.id}/customer")
    form = {"a": masked, "b": "email:eve@ornek.example", "status": "unlinked"}
    assert masked in page.text
    await client.post(f"/messages/{DECIDED.id}/customer", data=form)
    unlink = list_published(api)[-1]
    assert isinstance(unlink, Link)
    assert f"customer_no:{IDENTITY}" in (unlink.a, unlink.b)
