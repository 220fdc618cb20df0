"""An agent's work at the desk in real Chromium: nothing that a person typed or holds is lost."""

import itertools
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect
from starlette.applications import Starlette

from tests.support.browser import browser, check_page, shot
from tests.support.ingest.door import serve_application
from tests.support.json_body import JsonBody
from tests.support.workers.console import (
    DECIDED,
    TOKENS,
    add_to_desk,
    api,
    console,
    recorded,
    redis,
    server,
)
from workers.console.api import ConsoleApi
from workers.console.texts import Texts

__all__ = ["api", "browser", "console", "recorded", "redis", "server"]

TEXT = "Faturanızı inceliyoruz, bugün döneceğiz."
SIZES: dict[str, JsonBody] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
VIEWS = list(itertools.product(SIZES, ("light", "dark"), ("tr", "en")))


@pytest.fixture
async def address(console: Starlette) -> AsyncIterator[str]:
    """The address of a console that Chromium can reach."""
    async with serve_application(console) as served:
        yield served


async def _open(browser: Browser, address: str, language: str = "en", **view: object) -> Page:
    """Return a page of a signed-in person."""
    context = await browser.new_context(locale=f"{language}-{language.upper()}", **view)  # type: ignore[arg-type]
    page = await context.new_page()
    await page.goto(f"{address}/?token={TOKENS.console}")
    return page


async def _claim(page: Page, address: str, department: str) -> None:
    await page.goto(f"{address}/desk/{department}")
    await page.locator("#claim").click()
    await expect(page.locator("#lease")).to_be_visible()


async def _write(page: Page, text: str) -> None:
    """Type a reply and wait until the page has kept it."""
    async with page.expect_response("**/draft"):
        await page.locator("#text").fill(text)


@pytest.mark.parametrize(("size", "scheme", "language"), VIEWS)
async def test_the_desk_is_usable_in_every_view(
    browser: Browser, address: str, api: ConsoleApi, size: str, scheme: str, language: str
) -> None:
    view: dict[str, object] = SIZES[size] | {"color_scheme": scheme}
    page = await _open(browser, address, language, **view)
    texts, name = Texts(language), f"{size}-{scheme}-{language}"
    department = await add_to_desk(api)
    await _claim(page, address, department)
    await check_page(page, "an item")
    await shot(page, f"item-{name}")
    await page.get_by_role("button", name=texts.reply, exact=True).click()
    await expect(page.get_by_role("alert")).to_have_text(texts.reply_empty)
    await check_page(page, "an empty reply")
    await shot(page, f"empty-{name}")
    await page.goto(f"{address}/desk/{department}")
    await check_page(page, "a line")
    await shot(page, f"line-{name}")
    await page.context.close()


async def test_reload_back_bookmark_and_language_keep_the_item_and_the_text(
    browser: Browser, address: str, api: ConsoleApi
) -> None:
    page = await _open(browser, address)
    department = await add_to_desk(api)
    await _claim(page, address, department)
    own = f"{address}/desk/{department}/{DECIDED.id}"
    await expect(page).to_have_url(own)
    await _write(page, TEXT)
    await page.reload()
    await expect(page.locator("#text")).to_have_value(TEXT)
    await page.get_by_role("link", name="History").click()
    await expect(page).to_have_url(f"{address}/messages/{DECIDED.id}")
    await page.go_back()
    await expect(page.locator("#text")).to_have_value(TEXT)
    await page.get_by_role("button", name="Türkçe").click()
    await expect(page).to_have_url(own)
    await expect(page.locator("#text")).to_have_value(TEXT)
    await page.goto(f"{address}/desk/{department}")
    await page.get_by_role("region", name="Üzerinizdeki işler").get_by_role("link").click()
    await expect(page).to_have_url(own)
    assert (await api.desk.desk_queue.count_items(department)) == (0, 1)
    await page.context.close()


async def test_after_a_reply_a_reload_sends_nothing_and_back_shows_an_empty_form(
    browser: Browser, address: str, api: ConsoleApi
) -> None:
    page = await _open(browser, address)
    department = await add_to_desk(api)
    await _claim(page, address, department)
    await _write(page, TEXT)
    await page.get_by_role("button", name="Reply", exact=True).click()
    await expect(page.get_by_role("status").first).to_have_text(Texts("en").reply_sent)
    publisher: object = api.desk.publisher
    written = len(publisher.records)  # type: ignore[attr-defined]  # of FeedPublisher
    await page.reload()
    await expect(page.locator("#text")).to_have_value("")
    assert len(publisher.records) == written  # type: ignore[attr-defined]
    await page.get_by_role("button", name="Resolve", exact=True).click()
    await expect(page.get_by_role("status")).to_have_text(Texts("en").done)
    await page.reload()
    await page.go_back()
    assert (await api.desk.desk_queue.count_items(department)) == (0, 0)
    await page.context.close()


@pytest.mark.parametrize(("size", "scheme", "language"), VIEWS)
async def test_an_item_without_a_way_out_can_not_be_answered(
    browser: Browser, address: str, api: ConsoleApi, size: str, scheme: str, language: str
) -> None:
    view: dict[str, object] = SIZES[size] | {"color_scheme": scheme}
    page = await _open(browser, address, language, **view)
    department = await add_to_desk(api, channel="email", source="email:support")
    await _claim(page, address, department)
    await expect(page.locator("#answering")).to_contain_text(Texts(language).answer_no_server)
    await expect(page.locator("#text")).to_be_disabled()
    await check_page(page, "an item without a way out")
    await shot(page, f"closed-{size}-{scheme}-{language}")
    await page.context.close()
