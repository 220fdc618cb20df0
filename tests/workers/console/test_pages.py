"""The console in real Chromium: signed in, usable by keyboard and on a phone, axe finds nothing."""

import base64
import gzip
import uuid
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.browser import LAYOUTS, browser, check_page, shot, signed_in_address
from tests.support.json_body import JsonBody
from tests.support.servers.local_profile import PERSONAL_TOKEN, LocalProfile
from workers.console.sentences import SENTENCES
from workers.console.texts import Texts

__all__ = ["browser"]

SUBMIT_LEASE = """({action, lease}) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = action;
    form.append(Object.assign(document.createElement("input"), {name: "lease", value: lease}));
    document.body.append(form);
    form.submit();
}"""


@pytest.mark.parametrize("layout", LAYOUTS, ids=["desk light tr", "phone dark en"])
async def test_every_page_is_accessible(
    road: LocalProfile, browser: Browser, layout: JsonBody
) -> None:
    sent = road.send(
        "Faturam yanlış, 12,50 TL fazla ücret kesilmiş", uuid.uuid4().hex, subject="Fatura"
    )
    road.message(sent["id"], lambda m: m["decision"])
    context = await browser.new_context(**layout)
    page = await context.new_page()
    await page.goto(road.access["console"] + "/login")
    await check_page(page, "login")
    await page.goto(signed_in_address(road))
    for path in (
        "/",
        "/messages",
        "/messages?q=fatura",
        f"/messages/{sent['id']}",
        "/desk",
        "/desk/billing",
        "/entry",
        "/rules",
        "/nowhere",
    ):
        await page.goto(road.access["console"] + path)
        assert "token" not in page.url
        await check_page(page, path)
        if path == "/desk/billing":
            await page.locator("#claim").click()
            await expect(page.locator("#lease")).to_be_visible()
            await check_page(page, "a claimed item")
            await shot(page, f"item-{layout['locale']}")
            await page.get_by_role(
                "button", name="Bırak" if layout["locale"] == "tr-TR" else "Release"
            ).click()
        name = path.strip("/").replace("/", "-").replace("?", "-") or "flow"
        await shot(page, f"{name[:24]}-{layout['locale']}")
    await context.close()


async def test_words_without_spaces_fit_on_a_phone(road: LocalProfile, browser: Browser) -> None:
    long = "uzun" * 60
    sent = road.send(
        f"Faturam yanlış {long} https://ornek.example/{long}?{long}",
        uuid.uuid4().hex,
        subject=f"Fatura{long}",
        sender={"name": long, "email": f"{long[:60]}@{long[:60]}.example", "handle": long},
    )
    message = road.message(sent["id"], lambda m: m["decision"])
    department = message["decision"]["department"]
    context = await browser.new_context(**LAYOUTS[1])
    page = await context.new_page()
    await page.goto(signed_in_address(road, f"/desk/{department}"))
    item = road.claim(department, sent["conversation"], agent="console")
    # An empty answer is refused, and the page shows the item again.
    form = {"action": f"/desk/{department}/{item['id']}/reply", "lease": item["lease"]}
    await page.evaluate(SUBMIT_LEASE, form)
    await expect(page.locator("#lease")).to_be_visible()
    await check_page(page, "a claimed item with long words")
    await shot(page, "item-long-words")
    await page.get_by_role("button", name="Release").click()
    for path in (
        "/",
        "/messages",
        f"/messages/{sent['id']}",
        f"/messages/{sent['id']}/customer",
        f"/messages?q={long}",
    ):
        await page.goto(road.access["console"] + path)
        await check_page(page, path)
        await shot(page, f"long-words-{path.strip('/').replace('/', '-')[:24]}")
    await context.close()


async def test_a_message_is_tried_and_its_whole_decision_shown(
    road: LocalProfile, browser: Browser
) -> None:
    context = await browser.new_context(locale="tr-TR")
    page = await context.new_page()
    await page.goto(signed_in_address(road, "/rules"))
    await page.get_by_label("Müşteri ne yazardı?").fill(
        "Faturam çok yüksek <b>geldi</b>, TC 10000000146"
    )
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    outcome = page.get_by_role("status")
    await expect(outcome.locator("strong")).to_have_text("Fatura ve Ödeme")
    await expect(outcome).to_contain_text("billing.overcharge")
    await expect(outcome).to_contain_text("********146")
    await expect(page.get_by_label("Müşteri ne yazardı?")).to_have_value(
        "Faturam çok yüksek <b>geldi</b>, TC 10000000146"
    )
    await expect(page.get_by_role("heading", name="Kurallar ne sıklıkla")).to_be_visible()
    await check_page(page, "a tried message")
    await shot(page, "rules-tried")
    await context.close()


async def test_personal_numbers_are_shown_to_who_has_the_right_alone(
    road: LocalProfile, browser: Browser
) -> None:
    text = "Kimlik numaram 10000000146, IBAN TR33 0006 1005 1978 6457 8413 26, faturam yanlış"
    sent = road.send(text, uuid.uuid4().hex, subject="10000000146")
    road.message(sent["id"], lambda m: m["decision"])
    context = await browser.new_context(locale="tr-TR")
    page = await context.new_page()
    for path in ("/messages", f"/messages/{sent['id']}", "/"):
        await page.goto(signed_in_address(road, path))
        html = await page.content()
        assert "10000000146" not in html, path
        assert "8413 26" not in html, path
    await page.goto(signed_in_address(road, f"/messages/{sent['id']}"))
    await page.get_by_text("Kişisel numaralar gizlendi.").click()
    await check_page(page, "a message with hidden numbers")
    await page.get_by_label("Kişisel veri anahtarı").fill("yanlış")
    await page.get_by_role("button", name="Göster").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    assert "10000000146" not in await page.content()
    await page.get_by_label("Kişisel veri anahtarı").fill(PERSONAL_TOKEN)
    await page.get_by_role("button", name="Göster").click()
    await expect(page.locator(".this .words").first).to_contain_text(
        "TR33 0006 1005 1978 6457 8413 26"
    )
    await context.close()


async def test_an_old_message_of_a_long_conversation_hides_its_numbers_too(
    road: LocalProfile, browser: Browser
) -> None:
    root = uuid.uuid4().hex
    first = road.send(
        "Kimlik numaram 10000000146, faturam yanlış", uuid.uuid4().hex, conversation=root
    )
    last = [road.send(f"ek {n}", uuid.uuid4().hex, conversation=root) for n in range(201)][-1]
    for sent in (first, last):
        road.message(sent["id"], lambda m: m["decision"])
    context = await browser.new_context(locale="tr-TR")
    page = await context.new_page()
    await page.goto(signed_in_address(road, f"/messages/{first['id']}"))
    await expect(page.get_by_role("heading", level=1)).to_contain_text("********146")
    assert "10000000146" not in await page.content()
    await context.close()


async def test_a_call_is_entered_by_hand_and_found_at_the_desk(
    road: LocalProfile, browser: Browser
) -> None:
    context = await browser.new_context(locale="tr-TR")
    page = await context.new_page()
    await page.goto(signed_in_address(road, "/entry"))
    words = f"Kargom gelmedi {uuid.uuid4().hex}"
    await expect(page.get_by_label("Ne istedi")).to_be_focused()
    await page.keyboard.type(words)
    await page.get_by_role("button", name="Kaydet").click()
    await expect(page.get_by_role("alert")).to_contain_text("gerekli")
    await page.get_by_label("Telefonu").fill("0532 111 22 33")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Kaydedildi")
    await page.get_by_role("status").get_by_role("link").click()
    await expect(page.locator(".words").first).to_have_text(words)
    await expect(page.locator("main")).to_contain_text("+905321112233")
    await context.close()


async def test_without_a_token_there_is_only_the_login(
    road: LocalProfile, browser: Browser
) -> None:
    context = await browser.new_context(locale="tr-TR")
    page = await context.new_page()
    for path in ("/", "/messages", "/desk/billing", "/flow/live"):
        await page.goto(road.access["console"] + path)
        assert "/login" in page.url
    await page.get_by_label("Erişim anahtarı").fill("yanlış")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Bu anahtar geçerli değil.")
    await page.get_by_label("Erişim anahtarı").fill(road.access["tokens"]["console"])
    await page.get_by_label("Adınız").fill("Ayşe")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Çıkış (Ayşe)")).to_be_visible()
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("link", name="Messages")).to_be_visible()
    await context.close()


async def test_a_forged_form_is_refused(road: LocalProfile, browser: Browser) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(signed_in_address(road))
    answer = await context.request.post(
        road.access["console"] + "/desk/billing", headers={"Origin": "https://evil.example"}
    )
    assert answer.status == 403
    await context.close()


async def test_an_agent_works_an_item_by_keyboard_alone(
    road: LocalProfile, browser: Browser
) -> None:
    sent = road.send("Basın bülteni için gazeteci olarak yazıyorum", uuid.uuid4().hex)
    road.message(sent["id"], lambda m: m["decision"])
    context = await browser.new_context(locale="tr-TR")
    page = await context.new_page()
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    await page.goto(signed_in_address(road, "/desk/press"))
    await expect(page.locator("#claim")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".message .words").first).to_have_text(
        "Basın bülteni için gazeteci olarak yazıyorum"
    )
    await page.get_by_label("Yanıt metni").focus()
    await page.keyboard.type("Merhaba, sizi arayacağız.")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").first).to_contain_text("kaydedildi")
    await page.get_by_role("button", name="Çözüldü", exact=True).focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_have_text("Tamamlandı.")
    road.message(sent["id"], lambda m: any(o["kind"] == "resolved" for o in m["outcomes"]))
    await page.goto(f"{road.access['console']}/messages/{sent['id']}")
    await expect(page.locator(".history")).to_contain_text("Merhaba, sizi arayacağız.")
    await expect(page.locator(".reasons")).to_contain_text("basından yazıyor")
    await expect(page.locator(".facts")).to_contain_text("DilTürkçe")
    assert errors == []
    await context.close()


async def test_the_flow_page_shows_a_new_message_by_itself(
    road: LocalProfile, browser: Browser
) -> None:
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(signed_in_address(road))
    subject = f"New {uuid.uuid4().hex[:8]}"
    road.send("Faturam yanlış", uuid.uuid4().hex, subject=subject)
    await expect(page.get_by_role("link", name=subject)).to_be_visible(timeout=15_000)
    await context.close()


def test_every_word_is_there_in_both_languages() -> None:
    for key, (turkish, english) in SENTENCES.items():
        assert turkish.strip(), key
        assert english.strip(), key
    with pytest.raises(AttributeError):
        _ = Texts("tr").no_such_word


async def test_files_of_a_mail_can_be_saved_and_refused_ones_can_not(
    road: LocalProfile, browser: Browser
) -> None:
    native, evil = f"<{uuid.uuid4().hex}@x>", b"<script>alert(1)</script>"
    bomb = gzip.compress(bytes(200_000_000), 9)
    raw = (
        b"From: Ada <ada@ornek.example>\r\nMessage-ID: "
        + native.encode()
        + b"\r\nSubject: Fatura\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nFaturam ekte, yanlis\r\n"
        b"--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=sayfa.html\r\n\r\n"
        + evil
        + b"\r\n--b\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename=bomba.gz\r\n\r\n"
        + base64.encodebytes(bomb)
        + b"--b--\r\n"
    )
    with road.http("door") as door:
        sent = door.post("/v1/hooks/mail/default", content=raw).json()
    road.message(sent["id"], lambda m: m["decision"])
    page = await browser.new_page()
    await page.goto(signed_in_address(road, f"/messages/{sent['id']}"))
    await check_page(page, "a message with files")
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="sayfa.html").click()
    saved = await saving.value
    assert saved.suggested_filename == "sayfa.html"
    assert Path(await saved.path()).read_bytes() == evil
    await expect(page.get_by_text("bomba.gz")).to_be_visible()
    assert await page.get_by_role("link", name="bomba.gz").count() == 0
    address = f"{road.access['console']}/messages/{sent['id']}/files/{'0' * 64}"
    answer = await page.goto(address)
    assert answer is not None
    assert answer.status == 404
    stranger = await (await browser.new_context()).new_page()
    await stranger.goto(address)
    assert "/login" in stranger.url
