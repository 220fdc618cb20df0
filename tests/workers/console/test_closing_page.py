"""The page of an item that its person closes: it keeps the item and says what to send again."""

import re

import httpx2

from tests.support.workers.console import (
    DECIDED,
    add_to_desk,
    api,
    client,
    console,
    recorded,
    redis,
    server,
)
from workers.console.api import ConsoleApi

__all__ = ["api", "client", "console", "recorded", "redis", "server"]


async def test_another_action_on_a_closing_item_keeps_it_and_asks_for_the_same_again(
    client: httpx2.AsyncClient, api: ConsoleApi
) -> None:
    department = await add_to_desk(api)
    page = await client.post(f"/desk/{department}", follow_redirects=True)
    lease = re.search(r'name="lease" value="([^"]+)"', page.text)
    assert lease
    await api.desk.desk_queue.mark_closing(DECIDED.id, lease[1], "complete", ["o"])
    base = f"/desk/{department}/{DECIDED.id}"
    form = {"lease": lease[1], "text": "Merhaba"}
    for verb in ("reply", "release"):
        answer = await client.post(f"{base}/{verb}", data=form)
        assert "Send your last action again, unchanged" in answer.text
        assert f'name="lease" value="{lease[1]}"' in answer.text
    beat = await client.post(f"{base}/heartbeat", data=form)
    assert "Send your last action again, unchanged" in beat.text
    done = await client.post(f"{base}/complete", data=form, follow_redirects=True)
    assert "Done." in done.text
