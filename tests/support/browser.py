"""Chromium for the tests of pages: its layouts, the sign-in, and the check of a page."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from tests.support.json_body import JsonBody
from tests.support.programs import require_program
from tests.support.servers.local_profile import LocalProfile

CHROMIUM = Path("/usr/bin/chromium")


ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]


WIDE_ELEMENTS = """(width) => [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > width)
    .map((element) => element.outerHTML.slice(0, 200))"""

LAYOUTS: list[JsonBody] = [
    {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", "locale": "tr-TR"},
    {
        "viewport": {"width": 390, "height": 844},
        "is_mobile": True,
        "has_touch": True,
        "color_scheme": "dark",
        "locale": "en-GB",
    },
]


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    require_program(CHROMIUM.exists(), "Chromium")
    async with async_playwright() as started:
        chromium = await started.chromium.launch(executable_path=str(CHROMIUM), args=ARGS)
        yield chromium
        await chromium.close()


def signed_in_address(road: LocalProfile, path: str = "/") -> str:
    return f"{road.access['console']}{path}?token={road.access['tokens']['console']}"


async def check_page(page: Page, where: str) -> None:
    """axe-core finds nothing, and nothing sticks out sideways."""
    violations = (await Axe().run(page)).response["violations"]
    findings = [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in violations]
    assert findings == [], where
    width = page.viewport_size
    assert width is not None
    if await page.evaluate("() => document.documentElement.scrollWidth") > width["width"]:
        raise AssertionError(f"{where}: {await page.evaluate(WIDE_ELEMENTS, width['width'])}")


async def shot(page: Page, name: str) -> None:
    """Keep a picture of the page, where SANTRAL_SHOTS says where."""
    if shots := os.environ.get("SANTRAL_SHOTS"):
        await page.screenshot(path=f"{shots}/{name}.png", full_page=True)
