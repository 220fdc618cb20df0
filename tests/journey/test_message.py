"""A message from outside: in by the API or a messenger, its queue with the reason, an answer, the outcome."""

import json
import time
import uuid

import httpx2

from schemas.base import conversation_id
from tests.support.ingest.vendor_calls import whatsapp_body, whatsapp_call
from tests.support.json_body import JsonBody
from tests.support.servers.local_profile import LocalProfile
from tests.support.servers.smtp import SmtpServer
from tests.support.servers.vendor import Vendor
from tests.support.waiting import wait


def _new() -> str:
    return uuid.uuid4().hex


def test_an_api_message_is_routed_claimed_answered_and_accounted_for(road: LocalProfile) -> None:
    sent = road.send("Kargom nerede? Siparişim hala gelmedi", _new())
    state = road.message(sent["id"], lambda m: m["decision"])
    assert state["decision"]["department"] == "orders"
    assert state["decision"]["reasons"][0]["text_tr"]
    item = road.claim("orders", sent["conversation"])
    assert item["id"] == sent["id"]
    assert [m["id"] for m in item["messages"]] == [sent["id"]]
    assert road.act(item, "complete", note="bakıldı").status_code == 200
    state = road.message(sent["id"], lambda m: {"resolved"} <= {o["kind"] for o in m["outcomes"]})
    assert [o["kind"] for o in state["outcomes"]] == ["claimed", "resolved"]
    assert road.act(item, "complete").status_code == 200, "a repeat has the answer of the first"
    assert road.act(item, "release").status_code == 409
    ledger = road.cli("ledger", "--json", "--wait", "20")
    assert ledger.returncode == 0, ledger.stderr
    assert json.loads(ledger.stdout.splitlines()[-1])["unaccounted"] == 0


def test_the_same_native_id_is_the_same_message(road: LocalProfile) -> None:
    native = _new()
    first, second = (road.send("Faturam yanlış", native) for _ in range(2))
    assert first == second
    road.message(first["id"], lambda m: m["decision"])
    item = road.claim("billing", first["conversation"])
    assert len(item["messages"]) == 1


def test_a_follow_up_joins_the_item_of_its_conversation(road: LocalProfile) -> None:
    root = _new()
    first = road.send("Faturam yanlış", _new(), conversation=root)
    second = road.send("tamam, bekliyorum", _new(), conversation=root)
    assert first["conversation"] == second["conversation"]
    state = road.message(second["id"], lambda m: m["decision"])
    assert (state["decision"]["action"], state["decision"]["department"]) == ("append", "billing")

    def both() -> JsonBody | None:
        item = road.claim("billing", first["conversation"])
        if len(item["messages"]) == 2:
            return item
        road.act(item, "release")
        return None

    assert (wait("both messages in one item", both) or {})["id"] == first["id"]


def test_reroute_escalate_and_reopen(road: LocalProfile) -> None:
    root = _new()
    sent = road.send("Faturam yanlış", _new(), conversation=root)
    item = road.claim("billing", sent["conversation"])
    moved = road.act(item, "reroute", department="legal", reason="hukuk bakmalı")
    assert moved.status_code == 200
    item = road.claim("legal", sent["conversation"], "veli")
    assert item["decision"]["hops"] == 1
    assert "hukuk bakmalı" in item["decision"]["reasons"][-1]["text_tr"]
    before = item["decision"]["priority"]
    assert road.act(item, "escalate", reason="acele").status_code == 200
    item = road.claim("legal", sent["conversation"], "veli")
    assert item["decision"]["priority"] > before
    assert road.act(item, "complete").status_code == 200
    road.message(sent["id"], lambda m: any(o["kind"] == "resolved" for o in m["outcomes"]))
    again = road.send("hala yanlış", _new(), conversation=root)
    state = road.message(again["id"], lambda m: m["decision"])
    assert state["decision"]["department"] == "legal"
    assert "reopened" in state["decision"]["flags"]


def test_a_lease_is_one_persons_and_release_gives_it_back(road: LocalProfile) -> None:
    sent = road.send("Şifremi unuttum", _new())
    item = road.claim("account", sent["conversation"])
    assert road.act(item | {"lease": "x.1"}, "complete").status_code == 409
    assert road.act(item, "heartbeat").status_code == 200
    assert road.act(item | {"id": _new()}, "heartbeat").status_code == 404
    assert road.act(item, "release").status_code == 200
    assert road.act(item, "heartbeat").status_code == 409
    again = road.claim("account", sent["conversation"], "veli")
    assert again["lease"] != item["lease"]


def test_a_messengers_message_with_a_file_is_answered_through_its_api(
    road: LocalProfile, graph: Vendor
) -> None:
    file, native, customer = _new(), _new(), f"9053{time.time_ns() % 10**8:08d}"
    picture = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    graph.says(f"/v25.0/{file}", {"url": f"{graph.url}/{file}"})
    graph.says(f"/{file}", picture)
    graph.says("/v25.0/77/messages", {"messages": [{"id": "wamid.out"}]})
    picture_message = {
        "from": customer,
        "id": native,
        "timestamp": str(int(time.time())),
        "type": "image",
        "image": {"id": file, "mime_type": "image/png", "caption": "Ürün kırık geldi, iade"},
    }
    contact = {"wa_id": customer, "profile": {"name": "Ayşe"}}
    call = whatsapp_call(whatsapp_body(picture_message, contact=contact), "meta")
    body, headers = call.body, dict(call.headers)
    with httpx2.Client(base_url=road.access["door"]) as meta:
        verify = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": "dogrula"}
        answer = meta.get("/v1/hooks/whatsapp/magaza", params=verify)
        assert (answer.status_code, answer.text) == (200, "42")
        for _ in range(2):
            sent = meta.post("/v1/hooks/whatsapp/magaza", content=body, headers=headers)
            assert sent.status_code == 200
        forged = headers | {"x-hub-signature-256": "sha256=" + "0" * 64}
        bad = meta.post("/v1/hooks/whatsapp/magaza", content=body, headers=forged)
        assert bad.status_code == 401
    item = road.claim("returns", conversation_id("default", "whatsapp", f"77/{customer}"))
    (received,) = item["messages"]
    assert received["attachments"][0]["size"] == len(picture)
    late = road.act(item, "reply", text="x" * 5000)
    assert (late.status_code, late.json()["code"]) == (400, "reply.too_long")
    assert road.act(item, "reply", text="Kargo bizden, yenisini yolladık").status_code == 200
    wait("the answer at the vendor", lambda: graph.to("/v25.0/77/messages"))
    assert graph.to("/v25.0/77/messages")[0].json()["to"] == customer
    road.message(item["id"], lambda m: any(o["kind"] == "delivered" for o in m["outcomes"]))


def test_a_note_of_staff_is_answered_by_mail_and_a_call_by_calling_back(
    road: LocalProfile, smtp: SmtpServer
) -> None:
    customer = f"{_new()}@ornek.example"
    noted = road.send("Faturam yanlış geldi", _new(), kind="note", sender={"email": customer})
    item = road.claim("billing", noted["conversation"])
    assert road.act(item, "reply", text="Düzelttik").status_code == 200
    wait("the answer", lambda: [m for m in smtp.to(customer) if "Auto-Submitted" not in m])
    number = f"+9053{time.time_ns() % 10**8:08d}"
    called = road.send("Faturam yanlış geldi", _new(), kind="call", sender={"phone": number})
    item = road.claim("billing", called["conversation"])
    refusal = road.act(item, "reply", text="Düzelttik")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "reply.forbidden")
    assert "call back" in refusal.json()["text"]
    assert road.act(item, "complete").status_code == 200
