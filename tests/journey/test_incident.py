"""An incident through real processes, with the watch killed twice and the pages in a browser."""

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from playwright.async_api import Browser, expect

from runtime.bus.publisher import Publisher
from runtime.settings.structs import KafkaSettings
from schemas import topics
from schemas.incident import Incident
from tests.support.browser import LAYOUTS, browser, check_page, shot, signed_in_address
from tests.support.json_body import JsonBody
from tests.support.router.outage import OUTAGE, ordinary_pulses
from tests.support.servers.local_profile import LocalProfile
from tests.support.waiting import wait

__all__ = ["browser"]

BRAND = "incident-road"


async def _publish_pulses(road: LocalProfile) -> None:
    """Publish ordinary hours up to the present one."""
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = ordinary_pulses()
    shift = this_hour - max(p.hour for p in hours) - timedelta(hours=1)
    publisher = Publisher(KafkaSettings(bootstrap=road.access["kafka"]), "test-pulses")
    for pulse in hours:
        shifted = msgspec.structs.replace(pulse, brand=BRAND, hour=pulse.hour + shift)
        await publisher.publish(topics.PULSES, shifted, source="test")
    await publisher.stop()


def _kill_watch(road: LocalProfile) -> None:
    killed = road.children()["watch"]
    killed.kill()
    wait(
        "the watch is back and has its partitions",
        lambda: road.children().get("watch") not in (None, killed) and road.ready("watch"),
        60,
    )


def _incidents(road: LocalProfile) -> list[JsonBody]:
    with road.http("desk", "console") as desk:
        incidents: list[JsonBody] = desk.get("/v1/incidents").json()["incidents"]
    return [i for i in incidents if i["brand"] == BRAND]


def _write(road: LocalProfile, text: str, number: int) -> dict[str, str]:
    """Send a message of customer `number`; return its id and conversation."""
    sender = {"email": f"c{number}@ornek.example"}
    return road.send(text, uuid.uuid4().hex, brand=BRAND, sender=sender)


@pytest.fixture(scope="module")
def incident(road: LocalProfile) -> Iterator[JsonBody]:
    """An incident that the watch opened before it was killed, and grew after that."""
    asyncio.run(_publish_pulses(road))
    _kill_watch(road)
    for n in range(8):
        _write(road, OUTAGE[n % len(OUTAGE)], n)
    (opened,) = wait("an incident is open", lambda: _incidents(road), 60)
    _kill_watch(road)
    for n in range(8, 12):
        _write(road, OUTAGE[n % len(OUTAGE)], n)

    def find_grown() -> JsonBody | None:
        (grown,) = _incidents(road)
        return grown if grown["customers"] == 12 else None

    yield wait("the incident has the customers who wrote after the kill", find_grown, 90)
    (remaining,) = [i for i in _incidents(road) if i["status"] != "merged"]
    assert opened["id"] == remaining["id"]


def test_later_messages_carry_the_incident_and_people_judge_and_answer_it(
    road: LocalProfile, incident: JsonBody
) -> None:
    assert "Kadıköy" in incident["words"]
    later = _write(road, "Kadıköy'de internet yok, çalışamıyorum", 20)
    decision = road.message(later["id"], lambda m: m["decision"])["decision"]
    assert decision["incident"] == incident["id"]
    reasons = {r["id"]: r for r in decision["reasons"]}
    assert "Kadıköy" in {e["text"] for e in reasons["state.incident"]["evidence"]}
    other = _write(road, "Faturam yanlış gelmiş", 21)
    assert road.message(other["id"], lambda m: m["decision"])["decision"]["incident"] is None

    with road.http("desk", "console") as desk:
        base = f"/v1/incidents/{incident['id']}"
        assert desk.post("/v1/incidents/none/confirm", json={"agent": "ada"}).status_code == 404
        assert desk.post(f"{base}/merge", json={"agent": "ada"}).status_code == 400
        assert desk.post(f"{base}/answer", json={"agent": "ada"}).status_code == 400
        assert desk.post(f"{base}/confirm", json={}).status_code == 400
        confirmed = desk.post(f"{base}/confirm", json={"agent": "ada"}).json()
        assert (confirmed["status"], confirmed["agent"]) == ("confirmed", "ada")
    open_priority = decision["priority"]

    def is_more_urgent() -> bool:
        sent = _write(road, "Kadıköy'de internet yok, çalışamıyorum", 30)
        confirmed_decision = road.message(sent["id"], lambda m: m["decision"])["decision"]
        return bool(confirmed_decision["priority"] == open_priority + 10)

    wait("messages of a confirmed incident are still more urgent", is_more_urgent, 30)

    holding = {"agent": "ada", "text_tr": "Ekiplerimiz yolda.", "text_en": "We are on it."}
    with road.http("desk", "console") as desk:
        assert desk.post(f"{base}/answer", json=holding | {"later": True}).status_code == 200
        members = desk.get(base).json()["messages"]
    assert len(members) >= 12

    def read_replies(identifier: str) -> list[str]:
        outcomes = road.message(identifier, lambda m: m["decision"])["outcomes"]
        return [o["text"] for o in outcomes if o["kind"] == "replied"]

    wait("an earlier customer has the text", lambda: read_replies(members[-1]), 60)
    with road.http("desk", "console") as desk:
        assert desk.post(f"{base}/answer", json=holding | {"later": True}).status_code == 200
    last = _write(road, "No internet in Kadıköy today, what is going on?", 40)
    later_replies = wait("a later customer has the text, too", lambda: read_replies(last["id"]), 60)
    assert later_replies == ["We are on it."]
    for identifier in members:
        assert len(read_replies(identifier)) <= 1, "each conversation once"
    assert read_replies(other["id"]) == []


@pytest.mark.parametrize("layout", LAYOUTS, ids=["desk light tr", "phone dark en"])
async def test_the_pages_are_live_accessible_and_act(
    road: LocalProfile, browser: Browser, incident: JsonBody, layout: JsonBody
) -> None:
    context = await browser.new_context(**layout)
    page = await context.new_page()
    await page.goto(signed_in_address(road, "/incidents"))
    await check_page(page, "incidents")
    await shot(page, f"incidents-{layout['locale']}")
    await page.get_by_role("link", name="Kadıköy").first.click()
    await expect(page.locator("svg.plot")).to_be_visible()
    await check_page(page, "an incident")
    await shot(page, f"incident-{layout['locale']}")
    turkish = layout["locale"] == "tr-TR"
    for box in ("#text_tr", "#text_en"):
        await page.locator(box).fill("")
    await page.get_by_role("button", name="Gönder" if turkish else "Send").click()
    hint = "En az bir metin yazın." if turkish else "Write at least one of the texts."
    await expect(page.get_by_role("alert")).to_have_text(hint)
    await check_page(page, "an answer without a text")
    tile = page.locator(".tiles dd").first
    customers = int(await tile.inner_text())
    _write(road, "internet gitti kadıköy", 100 + (1 if turkish else 0))
    await expect(tile).to_have_text(str(customers + 1), timeout=60_000)
    await context.close()


async def test_a_likely_duplicate_is_named_and_merged_on_the_page(
    road: LocalProfile, browser: Browser, incident: JsonBody
) -> None:
    duplicate = msgspec.structs.replace(
        msgspec.convert(incident, Incident),
        id=uuid.uuid4().hex,
        status="opened",
        title="outage",
        customers=5,
        messages=(),
        writers=(),
        at=datetime.now(UTC),
    )
    publisher = Publisher(KafkaSettings(bootstrap=road.access["kafka"]), "test-incidents")
    await publisher.publish(topics.INCIDENTS, duplicate, source="test")
    await publisher.stop()

    def read_alike() -> list[str]:
        with road.http("desk", "console") as desk:
            answer = desk.get(f"/v1/incidents/{duplicate.id}")
        alike: list[str] = answer.json()["alike"] if answer.status_code == 200 else []
        return alike

    assert wait("the likely duplicate is known", read_alike, 30) == [incident["id"]]
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(signed_in_address(road, f"/incidents/{duplicate.id}"))
    hint = page.locator(".note", has_text="May have the same cause")
    await expect(hint).to_contain_text("Kadıköy")
    await check_page(page, "an incident with a likely duplicate")
    await shot(page, "incident-alike")
    await page.get_by_role("button", name="Merge").click()
    await expect(page.locator(".tiles dd").nth(1)).to_have_text("merged", timeout=20_000)
    await context.close()


async def test_a_person_dismisses_an_incident_on_the_page(
    road: LocalProfile, browser: Browser, incident: JsonBody
) -> None:
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(signed_in_address(road, f"/incidents/{incident['id']}"))
    await page.get_by_role("button", name="Dismiss").click()
    await expect(page.locator(".tiles dd").nth(1)).to_have_text("dismissed", timeout=20_000)
    await expect(page.locator(".history")).to_contain_text("admin")
    await page.goto(road.access["console"] + "/incidents/none")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await context.close()
