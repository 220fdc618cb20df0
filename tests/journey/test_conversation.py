"""A conversation through real processes: who still waits, who says goodbye, and who comes back."""

import asyncio
import uuid
from datetime import UTC, datetime

from runtime.bus.publisher import Publisher
from runtime.settings.structs import KafkaSettings
from schemas import topics
from schemas.incident import Incident
from tests.support.json_body import JsonBody
from tests.support.servers.local_profile import LocalProfile
from tests.support.waiting import wait


def _new() -> str:
    return uuid.uuid4().hex


def _decision(road: LocalProfile, sent: dict[str, str]) -> JsonBody:
    """Return the decision on a message once there is one."""
    decision: JsonBody = road.message(sent["id"], lambda m: m["decision"])["decision"]
    return decision


def _kinds(message: JsonBody) -> set[str]:
    return {outcome["kind"] for outcome in message["outcomes"]}


def test_a_message_that_came_during_the_work_keeps_the_conversation_open(
    road: LocalProfile,
) -> None:
    root = _new()
    first = road.send("Faturam yanlış", _new(), conversation=root)
    item = road.claim("billing", first["conversation"])
    second = road.send("Bir de iade faturam eksik", _new(), conversation=root)
    _decision(road, second)
    assert road.act(item, "complete").status_code == 200
    road.message(first["id"], lambda m: "resolved" in _kinds(m))
    third = road.send("Bakar mısınız", _new(), conversation=root)
    assert "reopened" not in _decision(road, third)["flags"]
    item = road.claim("billing", first["conversation"])
    assert {m["id"] for m in item["messages"]} >= {second["id"]}
    road.act(item, "release")


def test_a_goodbye_opens_nothing_and_the_next_message_reopens(road: LocalProfile) -> None:
    root = _new()
    first = road.send("Faturam yanlış", _new(), conversation=root)
    item = road.claim("billing", first["conversation"])
    assert road.act(item, "complete").status_code == 200
    road.message(first["id"], lambda m: "resolved" in _kinds(m))
    goodbye = road.send("Çok teşekkürler, sorun çözüldü.", _new(), conversation=root)
    decision = _decision(road, goodbye)
    assert (decision["action"], decision["intent"]) == ("append", "thanks")
    assert "closing" in decision["flags"]
    assert "reopened" not in decision["flags"]
    back = road.send("Teşekkürler ama hâlâ yanlış", _new(), conversation=root)
    assert "reopened" in _decision(road, back)["flags"]
    item = road.claim("billing", first["conversation"])
    assert [m["id"] for m in item["messages"]] == [back["id"]], "the goodbye is in no item"
    road.act(item, "complete")


def test_a_customer_who_comes_back_in_an_outage_gets_the_holding_text(road: LocalProfile) -> None:
    root, brand = _new(), "come-back"
    first = road.send("İnternet yok", _new(), conversation=root, brand=brand)
    item = road.claim("technical", first["conversation"])
    assert road.act(item, "complete").status_code == 200
    road.message(first["id"], lambda m: "resolved" in _kinds(m))
    back = road.send("İnternet yine yok", _new(), conversation=root, brand=brand)
    assert "reopened" in _decision(road, back)["flags"]
    asyncio.run(_answer_incident(road, brand, back["id"]))
    answered = road.message(back["id"], lambda m: "replied" in _kinds(m))
    (reply,) = [outcome for outcome in answered["outcomes"] if outcome["kind"] == "replied"]
    assert (reply["by"], reply["text"]) == ("holding", "Çalışıyoruz")
    with road.http() as door:
        receipt = door.get(f"/v1/messages/{back['id']}").json()
    assert receipt["state"] == "routed", "no person has answered"


async def _answer_incident(road: LocalProfile, brand: str, message: str) -> None:
    """Publish an incident with that message, and a person's answer to it."""
    opened = Incident(
        id=_new(),
        brand=brand,
        status="opened",
        title="internet",
        customers=1,
        messages=(message,),
        opened_at=datetime.now(UTC),
        at=datetime.now(UTC),
    )
    publisher = Publisher(KafkaSettings(bootstrap=road.access["kafka"]), "test-incident")
    await publisher.publish(topics.INCIDENTS, opened, source="test")
    answered = Incident(
        id=opened.id,
        brand=brand,
        status="answered",
        title="internet",
        text_tr="Çalışıyoruz",
        agent="ada",
        opened_at=opened.opened_at,
        at=datetime.now(UTC),
    )
    await publisher.publish(topics.INCIDENTS, answered, source="test")
    await publisher.stop()


def test_a_lease_that_ran_out_is_in_the_history_once(road: LocalProfile) -> None:
    sent = road.send("Faturam yanlış", _new())
    item = road.claim("billing", sent["conversation"], "unutkan")

    def history() -> list[JsonBody]:
        state = road.message(sent["id"], lambda m: m["decision"])
        return [o for o in state["outcomes"] if o["kind"] == "expired"]

    (expired,) = wait("the lease has run out", history, 60)
    assert (expired["agent"], expired["by"]) == ("unutkan", "automation")
    assert road.act(item, "complete").status_code == 409
    for language, text in (("tr", "süresi doldu, sıraya döndü"), ("en", "time ran out")):
        followed = road.cli("follow", sent["id"], "--timeout", "1", "--lang", language)
        assert text in followed.stdout
    again = road.claim("billing", sent["conversation"])
    assert road.act(again, "complete").status_code == 200
    done = road.message(sent["id"], lambda m: "resolved" in _kinds(m))
    own = [outcome for outcome in done["outcomes"] if outcome["agent"] == "unutkan"]
    assert [outcome["kind"] for outcome in own] == ["claimed", "expired"]


def test_the_item_of_a_threat_keeps_its_severity(road: LocalProfile) -> None:
    root = _new()
    threat = "Tüketici hakem heyetine ve mahkemeye başvuracağım, avukatım sizi arayacak"
    first = road.send(threat, _new(), conversation=root)
    department = _decision(road, first)["department"]
    second = road.send("Kimse cevap vermeyecek mi???", _new(), conversation=root)
    assert _decision(road, second)["severity"] == 2

    def both() -> JsonBody | None:
        item = road.claim(department, first["conversation"])
        if len(item["messages"]) == 2:
            return item
        road.act(item, "release")
        return None

    item = wait("both messages in one item", both) or {}
    assert item["decision"]["severity"] == 2
    road.act(item, "complete")
