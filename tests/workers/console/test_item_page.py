"""The page of an item loses no work: it has an address, and every form leads back to it."""

import re

import httpx2
import pytest

from schemas.http_api.bodies import LeaseIn
from schemas.outcome import Reply
from tests.support.workers.console import (
    DECIDED,
    TOKENS,
    add_to_desk,
    api,
    client,
    console,
    list_published,
    recorded,
    redis,
    server,
)
from workers.console.api import ConsoleApi
from workers.console.texts import Texts

__all__ = ["api", "client", "console", "recorded", "redis", "server"]

TEXT = "Bir dakika lütfen."
HEADERS = {"Authorization": f"Bearer {TOKENS.desk}"}


@pytest.fixture
async def address(client: httpx2.AsyncClient, api: ConsoleApi) -> str:
    """The address of an item that the person has claimed."""
    department = await add_to_desk(api)
    claimed = await client.post(f"/desk/{department}")
    assert claimed.status_code == 303
    assert claimed.headers["location"] == f"/desk/{department}/{DECIDED.id}"
    return str(claimed.headers["location"])


async def _form(client: httpx2.AsyncClient, address: str) -> dict[str, str]:
    """Return the hidden fields of the reply's form."""
    page = await client.get(address)
    assert page.status_code == 200
    return {
        name: match[1]
        for name in ("lease", "key")
        if (match := re.search(rf'name="{name}" value="([^"]+)"', page.text))
    }


async def test_reloading_the_item_claims_nothing_and_keeps_it(
    client: httpx2.AsyncClient, api: ConsoleApi, address: str
) -> None:
    first, second = [await _form(client, address) for _ in range(2)]
    assert first["lease"] == second["lease"]
    assert first["key"] != second["key"]
    line = await client.get(address.rpartition("/")[0])
    assert f'href="{address}"' in line.text, "the line lists the person's own items"


async def test_the_item_of_another_person_is_not_shown(
    client: httpx2.AsyncClient, api: ConsoleApi
) -> None:
    department = await add_to_desk(api)
    claim = f"/v1/desk/{department}/claim"
    assert (await client.post(claim, headers=HEADERS, json={"agent": "Can"})).json()["items"]
    page = await client.get(f"/desk/{department}/{DECIDED.id}")
    assert page.status_code == 409
    assert Texts("en").lease_lost in page.text
    assert 'name="lease"' not in page.text
    assert f'href="/messages/{DECIDED.id}"' in page.text


async def test_a_reply_leads_back_to_its_item_and_a_reload_sends_nothing(
    client: httpx2.AsyncClient, api: ConsoleApi, address: str
) -> None:
    form = await _form(client, address)
    sent = await client.post(f"{address}/reply", data=form | {"text": TEXT})
    assert (sent.status_code, sent.headers["location"]) == (303, f"{address}?note=reply_sent")
    page = await client.get(sent.headers["location"])
    assert Texts("en").reply_sent in page.text
    assert len([r for r in list_published(api) if isinstance(r, Reply)]) == 1


async def test_a_form_sent_twice_is_one_reply_and_the_same_words_in_a_new_form_are_two(
    client: httpx2.AsyncClient, api: ConsoleApi, address: str
) -> None:
    form = await _form(client, address)
    for fields, replies in ((form, 1), (form, 1), (await _form(client, address), 2)):
        sent = await client.post(f"{address}/reply", data=fields | {"text": TEXT})
        assert sent.status_code == 303
        ids = {r.id for r in list_published(api) if isinstance(r, Reply)}
        assert len(ids) == replies


async def test_a_used_form_with_other_words_keeps_them_and_can_be_sent(
    client: httpx2.AsyncClient, api: ConsoleApi, address: str
) -> None:
    form = await _form(client, address)
    await client.post(f"{address}/reply", data=form | {"text": TEXT})
    again = await client.post(f"{address}/reply", data=form | {"text": "Başka bir yanıt"})
    assert Texts("en").reply_form_used in again.text
    assert "Başka bir yanıt" in again.text
    key = re.search(r'name="key" value="([^"]+)"', again.text)
    assert key
    assert key[1] != form["key"]


@pytest.mark.parametrize("text", ["", "  \n "])
async def test_an_empty_reply_says_in_words_what_is_missing(
    client: httpx2.AsyncClient, api: ConsoleApi, address: str, text: str
) -> None:
    form = await _form(client, address)
    answer = await client.post(f"{address}/reply", data=form | {"text": text})
    assert re.search(r'role="alert">Write a reply first\.', answer.text)
    turkish = {"accept-language": "tr"}
    answer = await client.post(f"{address}/reply", data=form | {"text": text}, headers=turkish)
    assert re.search(r'role="alert">Önce yanıtınızı yazın\.', answer.text)
    assert not [r for r in list_published(api) if isinstance(r, Reply)]


async def test_a_text_that_was_begun_is_there_after_leaving_the_page(
    client: httpx2.AsyncClient, api: ConsoleApi, address: str
) -> None:
    begun = "Merhaba <Ada>, faturanız"
    form = await _form(client, address)
    saved = await client.post(f"{address}/draft", data=form | {"text": begun})
    assert saved.status_code == 204
    assert "Merhaba &lt;Ada&gt;, faturanız</textarea>" in (await client.get(address)).text
    await client.post(f"{address}/reply", data=form | {"text": begun})
    assert "faturanız</textarea>" not in (await client.get(address)).text


async def test_a_text_outlives_the_lease(
    client: httpx2.AsyncClient, api: ConsoleApi, address: str
) -> None:
    form = await _form(client, address)
    await client.post(f"{address}/draft", data=form | {"text": TEXT})
    await api.desk.release(DECIDED.id, LeaseIn(lease=form["lease"]))
    for page in (
        await client.get(address),
        await client.post(f"{address}/reply", data=form | {"text": TEXT}),
    ):
        assert page.status_code == 409
        assert f"{TEXT}</textarea>" in page.text


async def test_a_change_of_the_language_comes_back_to_the_item(
    client: httpx2.AsyncClient, api: ConsoleApi, address: str
) -> None:
    form = await _form(client, address)
    for page in (
        await client.get(address),
        await client.post(f"{address}/reply", data=form | {"text": ""}),
    ):
        assert f'name="path" value="{address}"' in page.text
    past = await client.get(f"{address}/reply")
    assert (past.status_code, past.headers["location"]) == (303, address)


async def test_an_empty_line_says_so_at_an_address_that_can_be_reloaded(
    client: httpx2.AsyncClient, api: ConsoleApi
) -> None:
    answer = await client.post("/desk/legal")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/desk/legal?note=queue_empty",
    )
    assert Texts("en").queue_empty in (await client.get(answer.headers["location"])).text


async def test_an_item_without_a_way_out_says_so_and_its_form_is_disabled(
    client: httpx2.AsyncClient, api: ConsoleApi
) -> None:
    department = await add_to_desk(api, channel="email", source="email:support")
    claimed = await client.post(f"/desk/{department}", follow_redirects=True)
    assert Texts("en").answer_no_server.replace("'", "&#39;") in claimed.text
    assert "[actions.reply_email.support]" in claimed.text
    assert '<fieldset class="bare" disabled>' in claimed.text
