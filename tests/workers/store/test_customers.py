"""Customers: who is one person, on whose word, and how that is taken back."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from playwright.async_api import Browser, expect
from sqlalchemy import Engine

from router.decision.decide import decide_message
from runtime import store
from schemas.base import Record, conversation_id
from schemas.http_api.bodies import CustomerOut
from schemas.message import Handle, HandleKind, Message, Party
from schemas.state.link import Link, node, pair
from tests.support.browser import LAYOUTS, browser, check_page, shot, signed_in_address
from tests.support.json_body import JsonBody
from tests.support.messages import NOW, message, policy
from tests.support.servers.local_profile import LocalProfile
from tests.support.waiting import wait
from workers.recorder.rows import Rows, add_record
from workers.recorder.sql import write_rows
from workers.run import MIGRATIONS
from workers.store.customers import customer, of_message

__all__ = ["browser"]

ADA, TEL, EVE = "email:ada@ornek.example", "phone:+905321112233", "email:eve@ornek.example"
Keep = Callable[..., None]
Verdict = Literal["linked", "unlinked"]


@pytest.fixture
def recording(engine: Engine) -> tuple[Engine, Keep]:
    """A store, and a function that records into it."""
    offsets: dict[str, int] = {}

    def keep(*records: Message | Link) -> None:
        rows = Rows()
        for record in records:
            pairs: list[tuple[str, Record]] = [("links.v1", record)]
            if isinstance(record, Message):
                decision = decide_message(record, None, policy(), NOW).decision
                pairs = [("messages.v1", record), ("decisions.v1", decision)]
            for topic, value in pairs:
                offsets[topic] = offsets.get(topic, -1) + 1
                add_record(rows, topic, 0, offsets[topic], msgspec.json.encode(value))
        with engine.begin() as connection:
            write_rows(connection, rows)

    return engine, keep


def sent_by(
    text: str, native: str, *nodes: str, channel: str = "email", brand: str = "default"
) -> Message:
    """Return a message from these handles."""
    handles = []
    for name in nodes:
        kind, _, value = name.partition(":")
        handle_kind: HandleKind = kind  # type: ignore[assignment]  # the tests name kinds that there are
        handles.append(Handle(kind=handle_kind, value=value))
    return message(
        text,
        native,
        native,
        channel=channel,
        brand=brand,
        sender=Party(handles=tuple(handles)),
        conversation=conversation_id(brand, channel, native),
    )


def verdict(a: str, b: str, status: Verdict, minute: int = 0, brand: str = "default") -> Link:
    """Return a person's verdict on two handles."""
    identifier, first, second = pair(brand, a, b)
    return Link(
        id=identifier,
        brand=brand,
        a=first,
        b=second,
        status=status,
        agent="ali",
        at=NOW + timedelta(minutes=minute),
    )


def read_customer(engine: Engine, *begin: str, brand: str = "default") -> CustomerOut:
    """Return the customer of these handles."""
    with engine.connect() as connection:
        return customer(connection, brand, begin or (ADA,))


def nodes(result: CustomerOut) -> set[str]:
    """Return a customer's handles."""
    return {h.node for h in result.handles}


def proposed(result: CustomerOut) -> set[str]:
    """Return the handles that may be the same customer's."""
    return {p.node for p in result.proposals}


def test_one_address_is_one_customer_on_every_channel_of_a_brand(
    recording: tuple[Engine, Keep],
) -> None:
    engine, keep = recording
    keep(
        sent_by("Faturam yanlış", "1", ADA),
        sent_by("Kargom nerede", "2", ADA, channel="form"),
        sent_by("başka marka", "3", ADA, brand="other"),
        sent_by("başka kişi", "4", EVE),
    )
    result = read_customer(engine)
    assert nodes(result) == {ADA}
    assert {(c.channel, c.messages) for c in result.conversations} == {("email", 1), ("form", 1)}
    assert len(read_customer(engine, brand="other").conversations) == 1


def test_verified_handles_are_linked_and_typed_ones_are_proposed(
    recording: tuple[Engine, Keep],
) -> None:
    engine, keep = recording
    keep(sent_by("hattım çalışmıyor", "1", TEL, "handle:whatsapp:9", channel="whatsapp"))
    keep(sent_by("form", "2", EVE, TEL, channel="form"))
    result = read_customer(engine, TEL)
    assert nodes(result) == {TEL, "handle:whatsapp:9"}
    (how,) = [h for h in result.handles if h.node != TEL]
    assert (how.how, how.of) == ("source", TEL)
    assert how.message, "the evidence"
    assert proposed(result) == {EVE}
    assert {c.channel for c in result.conversations} == {"whatsapp", "form"}
    assert nodes(read_customer(engine, EVE)) == {EVE}, (
        "who typed a number does not see its owner's calls"
    )
    assert proposed(read_customer(engine, EVE)) == {TEL}


def test_a_number_in_a_text_is_proposed_only_when_somebody_wrote_by_it(
    recording: tuple[Engine, Keep],
) -> None:
    engine, keep = recording
    keep(sent_by("Beni 0532 111 22 33 numarasından arayın", "1", ADA))
    assert proposed(read_customer(engine)) == set()
    keep(sent_by("arıza", "2", TEL, channel="phone"))
    result = read_customer(engine)
    (proposal,) = result.proposals
    assert (proposal.node, proposal.of, proposal.how) == (TEL, ADA, "text")
    assert len(result.conversations) == 1, "nothing of it is shown yet"
    assert proposed(read_customer(engine, TEL)) == set(), "its owner is not told of who wrote it"


def test_a_persons_word_counts_and_can_be_taken_back_link_by_link(
    recording: tuple[Engine, Keep],
) -> None:
    engine, keep = recording
    keep(
        sent_by("beni 0532 111 22 33 numarasından arayın", "1", ADA),
        sent_by("arıza", "2", TEL, "customer_no:777", channel="phone"),
    )
    keep(verdict(ADA, TEL, "linked"))
    result = read_customer(engine)
    assert nodes(result) == {ADA, TEL, "customer_no:777"}
    assert {h.node: h.how for h in result.handles} == {
        ADA: "given",
        TEL: "person",
        "customer_no:777": "source",
    }
    assert len(result.conversations) == 2
    assert result.proposals == ()
    keep(verdict(ADA, TEL, "unlinked", 1))
    assert nodes(read_customer(engine)) == {ADA}
    assert read_customer(engine).proposals == (), "what people refused is not proposed again"
    keep(verdict(ADA, TEL, "linked", 2), verdict(TEL, "customer_no:777", "unlinked", 3))
    assert nodes(read_customer(engine)) == {ADA, TEL}, "a person overrules the source"
    assert nodes(read_customer(engine, "customer_no:777")) == {"customer_no:777"}


def test_a_verdict_that_this_version_does_not_know_leaves_the_one_before(
    recording: tuple[Engine, Keep],
) -> None:
    engine, keep = recording
    keep(sent_by("merhaba", "1", ADA), sent_by("selam", "2", EVE), verdict(ADA, EVE, "linked"))
    later = msgspec.structs.replace(
        verdict(ADA, EVE, "linked", 5), status="linked_for_now", agent="of tomorrow"
    )
    keep(later)
    assert nodes(read_customer(engine)) == {ADA, EVE}
    keep(verdict(ADA, EVE, "unlinked", 9))
    keep(msgspec.structs.replace(later, at=NOW + timedelta(minutes=10)))
    assert nodes(read_customer(engine)) == {ADA}


def test_a_word_of_another_brand_and_a_machines_mail_link_nothing(
    recording: tuple[Engine, Keep],
) -> None:
    engine, keep = recording
    keep(
        sent_by("Faturam", "1", ADA),
        sent_by("arıza", "2", TEL),
        verdict(ADA, TEL, "linked", brand="other"),
    )
    assert nodes(read_customer(engine)) == {ADA}
    with engine.connect() as connection:
        assert of_message(connection, "none") is None
        result = of_message(connection, sent_by("Faturam", "1", ADA).id)
    assert result is not None
    assert ADA in nodes(result)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from(["linked", "unlinked"])),
        max_size=12,
    )
)
@hypothesis_settings(max_examples=40, deadline=None)
def test_a_customer_is_the_group_of_the_newest_verdicts_from_each_handle(
    tmp_path_factory: pytest.TempPathFactory, words: list[tuple[int, int, Verdict]]
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('links') / 'store.db'}"
    store.migrate(url, MIGRATIONS)
    engine = store.engine(url)
    rows, last = Rows(), dict[tuple[int, int], Verdict]()
    for minute, (a, b, status) in enumerate(words):
        if a != b:
            last[min(a, b), max(a, b)] = status
            link = verdict(f"email:{a}@x", f"email:{b}@x", status, minute)
            add_record(rows, "links.v1", 0, minute, msgspec.json.encode(link))
    with engine.begin() as connection:
        write_rows(connection, rows)
    group = {n: {n} for n in range(6)}
    for (a, b), status in last.items():
        if status == "linked" and group[a] is not group[b]:
            group[a] |= group[b]
            for n in group[a]:
                group[n] = group[a]
    for n in range(6):
        result = nodes(read_customer(engine, f"email:{n}@x"))
        assert result == {f"email:{m}@x" for m in group[n]}
    engine.dispose()


def test_handles_of_different_case_are_one_node() -> None:
    assert node(Handle(kind="email", value="Ada@Ornek.example")) == ADA
    assert pair("b", "x:2", "x:1") == pair("b", "x:1", "x:2")
    assert pair("b", "x:1", "x:2")[0] != pair("c", "x:1", "x:2")[0]


@pytest.mark.parametrize("layout", LAYOUTS, ids=["desk light tr", "phone dark en"])
async def test_an_agent_asks_links_and_unlinks_on_the_page(
    road: LocalProfile, browser: Browser, layout: JsonBody
) -> None:
    digits = f"{uuid.uuid4().int % 10**6:06}"
    number = f"+90532{digits[:3]}{digits[2:6]}"
    called = road.send(
        "hattımda arıza var", uuid.uuid4().hex, sender={"phone": number}, kind="call"
    )
    road.message(called["id"], lambda m: m["decision"])
    address = f"m{digits}@ornek.example"
    wrote = road.send(
        f"Faturam yanlış, beni {number} numarasından arayın",
        uuid.uuid4().hex,
        sender={"email": address},
        subject="Fatura",
    )
    road.message(wrote["id"], lambda m: m["decision"])
    turkish = layout["locale"] == "tr-TR"
    context = await browser.new_context(**layout)
    page = await context.new_page()
    await page.goto(signed_in_address(road, f"/messages/{wrote['id']}"))
    await page.get_by_role("link", name="Müşteri" if turkish else "Customer", exact=True).click()
    await check_page(page, "a customer with a proposal")
    await shot(page, f"customer-{layout['locale']}")
    rows = page.locator("tbody tr")
    await expect(rows).to_have_count(1)
    await page.get_by_label(number).fill("geri arandı, doğruladı")
    await page.get_by_role("button", name="Aynı kişi" if turkish else "Same person").first.click()
    await expect(rows).to_have_count(2)
    await expect(page.locator(".links")).to_contain_text("geri arandı")
    await check_page(page, "a customer with two handles")
    await page.get_by_role("button", name="Ayır" if turkish else "Unlink").click()
    await expect(rows).to_have_count(1)
    other = road.send("başka konu", uuid.uuid4().hex, sender={"email": f"x{digits}@ornek.example"})
    road.message(other["id"], lambda m: m["decision"])
    await page.locator("summary").click()
    await page.locator("#kind").select_option("conversation")
    await page.locator("#value").fill(other["id"])
    await page.locator("#why").fill("aynı konu")
    await page.get_by_role("button", name="Aynı kişi" if turkish else "Same person").last.click()
    await expect(rows).to_have_count(2)
    await expect(page.locator(".links")).to_contain_text("aynı konu")
    await page.locator("summary").click()
    await page.locator("#kind").select_option("conversation")
    await page.locator("#value").fill("nowhere")
    await page.locator("#why").fill("?")
    await page.get_by_role("button", name="Aynı kişi" if turkish else "Same person").last.click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.goto(road.access["console"] + "/messages/none/customer")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await context.close()


def test_programs_ask_and_link_too(road: LocalProfile) -> None:
    digits = uuid.uuid4().hex[:8]
    a, b = (
        road.send("Faturam", uuid.uuid4().hex, sender={"email": f"{n}{digits}@ornek.example"})
        for n in "ab"
    )
    for sent in (a, b):
        road.message(sent["id"], lambda m: m["decision"])
    with road.http("desk", "console") as desk:
        path = f"/v1/messages/{a['id']}/customer"
        assert desk.get("/v1/messages/none/customer").status_code == 404
        assert len(desk.get(path).json()["conversations"]) == 1
        body = {
            "agent": "ali",
            "a": f"email:a{digits}@ornek.example",
            "status": "linked",
            "b": f"email:b{digits}@ornek.example",
            "reason": "aynı müşteri no",
        }
        assert desk.post("/v1/links", json=body | {"b": body["a"]}).status_code == 400
        assert desk.post("/v1/links", json=body | {"b": "nonsense"}).status_code == 400
        assert desk.post("/v1/links", json=body).status_code == 200
        wait("both are one", lambda: len(desk.get(path).json()["conversations"]) == 2)
    with road.http("door", "console") as door:
        assert door.post("/v1/links", json=body).status_code == 401
