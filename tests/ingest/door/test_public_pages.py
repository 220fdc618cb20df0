"""The contact form and the chat widget in real Chromium, by keyboard and on a phone."""

import asyncio
import os
import re
import uuid
from typing import Literal

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser import LAYOUTS, browser, check_page, shot, signed_in_address
from tests.support.servers.local_profile import LocalProfile

__all__ = ["browser"]


async def test_the_contact_form_is_accessible_and_gives_a_receipt(
    road: LocalProfile, browser: Browser
) -> None:
    context = await browser.new_context(locale="tr-TR")
    page = await context.new_page()
    await page.goto(f"{road.access['door']}/v1/forms/default?lang=tr")
    await check_page(page, "the form")
    await page.reload()  # a new form, because axe may have taken longer than a form is valid
    words = f"Şifremi unuttum {uuid.uuid4().hex}"
    await page.get_by_label("İletiniz").fill(words)
    await page.get_by_role("button", name="Gönder").click()
    await expect(page.get_by_role("alert")).to_contain_text("henüz gönderilmedi")
    await expect(page.get_by_label("İletiniz")).to_have_value(words)
    await check_page(page, "what is missing")
    await shot(page, "form-missing")
    await page.get_by_label("E-posta", exact=True).fill("a@ornek.example")
    await page.get_by_role("button", name="Gönder").click()
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_contain_text("ulaştı")
    await expect(page.locator("#reference")).to_have_text(re.compile("^[0-9A-F]{8}$"))
    await check_page(page, "the receipt")
    if shots := os.environ.get("SANTRAL_SHOTS"):
        await page.screenshot(path=f"{shots}/receipt.png")
        await page.goto(f"{road.access['door']}/v1/forms/default?lang=tr")
        await page.screenshot(path=f"{shots}/form.png", full_page=True)
    await context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_widget_sends_a_line_and_shows_the_answer(
    road: LocalProfile, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    import asyncio

    context = await browser.new_context(locale="tr-TR", color_scheme=scheme)
    page = await context.new_page()
    await page.goto(road.access["door"] + "/chat")
    await page.get_by_role("button", name="Sohbeti aç").click()
    line = f"kargom nerede {uuid.uuid4().hex[:6]}"
    await page.get_by_label("İletiniz").fill(line)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("log")).to_contain_text("alındı")
    await check_page(page, "the widget")
    session = await page.evaluate(
        "() => JSON.parse(localStorage.getItem('santral-chat-default')).session"
    )
    from schemas.base import conversation_id

    conversation = conversation_id("default", "chat", session)
    item = await asyncio.to_thread(road.claim, "orders", conversation)
    await asyncio.to_thread(road.act, item, "reply", text="Yarın sizde")
    await expect(page.get_by_role("log")).to_contain_text("Yarın sizde")
    await page.reload()
    await page.get_by_role("button", name="Sohbeti aç").click()
    await expect(page.get_by_role("log")).to_contain_text("Yarın sizde")
    await expect(page.get_by_role("log")).to_contain_text(line)
    await asyncio.to_thread(road.act, item, "complete")
    await context.close()


async def test_the_chat_page_fits_a_phone_and_copies_the_line_with_the_real_address(
    road: LocalProfile, browser: Browser
) -> None:
    context = await browser.new_context(**LAYOUTS[1])
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    await page.goto(road.access["door"] + "/chat")
    await expect(page.get_by_role("button", name="Open chat")).to_be_in_viewport()
    await check_page(page, "the chat page on a phone")
    await page.get_by_role("button", name="Copy").click()
    await expect(page.get_by_role("status")).to_have_text("Copied")
    line = await page.evaluate("() => navigator.clipboard.readText()")
    assert line.startswith(f'<script src="{road.access["door"]}/widget.js" data-account=')
    await context.close()


async def test_the_contact_form_works_by_keyboard_and_without_javascript(
    road: LocalProfile, browser: Browser
) -> None:
    context = await browser.new_context(locale="en-GB", java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{road.access['door']}/v1/forms/default")
    words = f"I forgot my password {uuid.uuid4().hex}"
    await page.keyboard.press("Tab")
    await expect(page.get_by_label("Your message")).to_be_focused()
    await page.keyboard.type(words)
    await page.keyboard.press("Tab")
    await page.keyboard.type("ada")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_be_focused()
    await expect(page.get_by_role("alert")).to_contain_text("has not been sent yet")
    await page.get_by_role("link", name="This e-mail address").press("Enter")
    await page.get_by_label("E-mail").fill("ada@ornek.example")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your message has arrived")
    reference = await page.locator("#reference").inner_text()
    await context.close()
    signed = await browser.new_context(locale="en-GB")
    desk = await signed.new_page()
    await desk.goto(signed_in_address(road, "/messages"))
    until = asyncio.get_running_loop().time() + 30
    while "/messages/" not in desk.url and asyncio.get_running_loop().time() < until:
        await desk.goto(f"{road.access['console']}/messages?q={reference}")
    await expect(desk.locator(".this .words").first).to_have_text(words)
    await signed.close()
