"""The road from outside: a message in, its queue with the reason, an answer, the outcome."""

import asyncio
import base64
import contextlib
import hmac
import json
import time
import uuid
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from schemas.base import conversation_id
from tests.support.hostile_mail import FIXED, HOSTILE
from tests.support.servers.dovecot import Dovecot
from tests.support.servers.local_profile import LocalProfile
from tests.support.servers.smtp import Smtp
from tests.support.servers.vendor import Vendor
from tests.support.vendor_calls import whatsapp_body, whatsapp_call
from tests.support.waiting import wait


def _new() -> str:
    return uuid.uuid4().hex


def test_an_api_message_is_routed_claimed_answered_and_accounted_for(road: LocalProfile) -> None:
    sent = road.send("Kargom nerede? Siparişim hala gelmedi", _new())
    told = road.message(sent["id"], lambda m: m["decision"])
    assert told["decision"]["department"] == "orders"
    assert told["decision"]["reasons"][0]["text_tr"]
    item = road.claim("orders", sent["conversation"])
    assert item["id"] == sent["id"]
    assert [m["id"] for m in item["messages"]] == [sent["id"]]
    assert road.act(item, "complete", note="bakıldı").status_code == 200
    told = road.message(sent["id"], lambda m: {"resolved"} <= {o["kind"] for o in m["outcomes"]})
    assert [o["kind"] for o in told["outcomes"]] == ["claimed", "resolved"]
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
    told = road.message(second["id"], lambda m: m["decision"])
    assert (told["decision"]["action"], told["decision"]["department"]) == ("append", "billing")

    def both() -> dict[str, Any] | None:
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
    told = road.message(again["id"], lambda m: m["decision"])
    assert told["decision"]["department"] == "legal"
    assert "reopened" in told["decision"]["flags"]


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


def test_a_mail_by_imap_is_answered_with_our_token_and_the_reply_comes_home(
    road: LocalProfile, dovecot: Dovecot, smtp: Smtp
) -> None:
    native = f"<{_new()}@ornek.example>"
    customer = f"{_new()}@ornek.example"
    raw = (
        f"From: Ayşe Örnek <{customer}>\r\nTo: destek@destek.example\r\nMessage-ID: {native}\r\n"
        "Subject: Ürün kırık geldi\r\nContent-Type: text/plain; charset=windows-1254\r\n\r\n"
        "Ürün kırık geldi, para iadesi istiyorum. Teşekkürler"
    ).encode("cp1254")
    dovecot.deliver("destek", raw)
    acknowledged = wait("an acknowledgement", lambda: smtp.to(customer))[0]
    assert acknowledged["Auto-Submitted"] == "auto-replied"
    assert acknowledged["In-Reply-To"] == native
    assert acknowledged["Subject"] == "Ynt: Ürün kırık geldi"
    assert "İade ve Değişim" in acknowledged.get_content()  # type: ignore[attr-defined]  # policy default
    with road.http("console", "console") as reader:
        found = wait(
            "the mail in the store",
            lambda: road.cli("tap", "messages", "--from-beginning", "--count", "1").stdout,
        )
        assert found
        assert reader.get("/livez").status_code == 200
    conversation = str(acknowledged["Message-ID"]).split(".")[1]
    item = road.claim("returns", conversation)
    assert item["messages"][0]["text"].startswith("Ürün kırık geldi, para iadesi")
    assert item["messages"][0]["sender"]["name"] == "Ayşe Örnek"
    assert road.act(item, "reply", text="Merhaba, iadeniz başladı.\nİyi günler").status_code == 200
    assert road.act(item, "reply", text="Merhaba, iadeniz başladı.\nİyi günler").status_code == 200
    answer = wait("the answer", lambda: [m for m in smtp.to(customer) if "Auto-Submitted" not in m])
    assert len(answer) == 1, "the same reply again is the same reply"
    assert answer[0]["From"] == "Santral Destek <destek@destek.example>"
    assert answer[0]["References"] == native
    assert road.act(item, "complete").status_code == 200
    road.message(
        item["id"],
        lambda m: {"replied", "delivered", "resolved"} <= {o["kind"] for o in m["outcomes"]},
    )
    back = (
        f"From: {customer}\r\nMessage-ID: <{_new()}@ornek.example>\r\nSubject: Ynt: Ürün\r\n"
        f"In-Reply-To: {answer[0]['Message-ID']}\r\n\r\nPeki, sağolun\r\n"
    ).encode()
    dovecot.deliver("destek", back)
    again = road.claim("returns", conversation)
    assert "reopened" in again["decision"]["flags"]
    assert "new_participant" not in again["decision"]["flags"]


def test_a_refused_answer_is_told_to_the_desk(
    road: LocalProfile, dovecot: Dovecot, smtp: Smtp
) -> None:
    customer = f"{_new()}@yok.example"
    smtp.refuse[customer] = "550 yok"
    dovecot.deliver(
        "destek",
        f"From: {customer}\r\nMessage-ID: <{_new()}@x>\r\nSubject: Fatura\r\nAuto-Submitted: no\r\n\r\nFaturam yanlış\r\n".encode(),
    )

    def found() -> dict[str, Any] | None:
        with road.http("desk") as door:
            items = door.post("/v1/desk/billing/claim", json={"agent": "a", "count": 100}).json()[
                "items"
            ]
        own = [i for i in items if i["messages"][0]["sender"]["handles"][0]["value"] == customer]
        return own[0] if own else None

    item = wait("the item", found) or {}
    road.act(item, "reply", text="Merhaba")
    told = road.message(
        item["id"], lambda m: any(o["kind"] == "undeliverable" for o in m["outcomes"])
    )
    (why,) = {o["reason"] for o in told["outcomes"] if o["kind"] == "undeliverable"}
    assert "550 yok" in why


def test_a_vendors_call_is_taken_once_it_is_proven(road: LocalProfile) -> None:
    stamp, token, native = str(int(time.time())), _new(), f"<{_new()}@x>"
    mail = f"From: a@ornek.example\r\nMessage-ID: {native}\r\n\r\nFaturam yanlış geldi"
    signature = hmac.new(b"gun", f"{stamp}{token}".encode(), sha256).hexdigest()
    form = {
        "timestamp": stamp,
        "token": token,
        "signature": signature,
        "sender": "a@ornek.example",
        "recipient": "destek@destek.example",
        "body-mime": mail,
    }
    with httpx2.Client(base_url=road.access["door"]) as vendor:
        bad = vendor.post("/v1/hooks/mailgun/destek/mime", data=form | {"signature": "0" * 64})
        assert (bad.status_code, bad.json()["code"]) == (401, "signature.wrong")
        assert vendor.post("/v1/hooks/mailgun/yok/mime", data=form).status_code == 404
        assert vendor.get("/v1/hooks/mail/destek").status_code == 405
        assert vendor.post("/v1/hooks/mailgun/destek/mime", data=form).status_code == 200
        assert vendor.post("/v1/hooks/mailgun/destek/mime", data=form).status_code == 200
    conversation = conversation_id("default", "mail", native)
    item = road.claim("billing", conversation)
    assert [m["native_id"] for m in item["messages"]] == [native]


def test_a_messengers_message_with_a_file_is_answered_through_its_api(
    road: LocalProfile, graph: Vendor
) -> None:
    file, native, who = _new(), _new(), f"9053{time.time_ns() % 10**8:08d}"
    picture = b"\x89PNG\r\n\x1a\n" + b"0" * 40
    graph.says(f"/v25.0/{file}", {"url": f"{graph.url}/{file}"})
    graph.says(f"/{file}", picture)
    graph.says("/v25.0/77/messages", {"messages": [{"id": "wamid.out"}]})
    message = {
        "from": who,
        "id": native,
        "timestamp": str(int(time.time())),
        "type": "image",
        "image": {"id": file, "mime_type": "image/png", "caption": "Ürün kırık geldi, iade"},
    }
    call = whatsapp_call(
        whatsapp_body(message, contact={"wa_id": who, "profile": {"name": "Ayşe"}}), "meta"
    )
    with httpx2.Client(base_url=road.access["door"]) as meta:
        verify = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": "dogrula"}
        found = meta.get("/v1/hooks/whatsapp/magaza", params=verify)
        assert (found.status_code, found.text) == (200, "42")
        for _ in range(2):
            sent = meta.post(
                "/v1/hooks/whatsapp/magaza", content=call.body, headers=dict(call.headers)
            )
            assert sent.status_code == 200
        call.headers["x-hub-signature-256"] = "sha256=" + "0" * 64  # type: ignore[index]  # a dict in truth
        bad = meta.post("/v1/hooks/whatsapp/magaza", content=call.body, headers=dict(call.headers))
        assert bad.status_code == 401
    item = road.claim("returns", conversation_id("default", "whatsapp", f"77/{who}"))
    (told,) = item["messages"]
    assert told["attachments"][0]["size"] == len(picture)
    late = road.act(item, "reply", text="x" * 5000)
    assert (late.status_code, late.json()["code"]) == (400, "reply.too_long")
    assert road.act(item, "reply", text="Kargo bizden, yenisini yolladık").status_code == 200
    wait("the answer at the vendor", lambda: graph.to("/v25.0/77/messages"))
    assert graph.to("/v25.0/77/messages")[0].json()["to"] == who
    road.message(item["id"], lambda m: any(o["kind"] == "delivered" for o in m["outcomes"]))


def test_what_staff_wrote_down_is_answered_by_mail_or_by_calling_back(
    road: LocalProfile, smtp: Smtp
) -> None:
    customer = f"{_new()}@ornek.example"
    noted = road.send("Faturam yanlış geldi", _new(), kind="note", sender={"email": customer})
    item = road.claim("billing", noted["conversation"])
    assert road.act(item, "reply", text="Düzelttik").status_code == 200
    wait("the answer", lambda: [m for m in smtp.to(customer) if "Auto-Submitted" not in m])
    number = f"+9053{time.time_ns() % 10**8:08d}"
    called = road.send("Faturam yanlış geldi", _new(), kind="call", sender={"phone": number})
    item = road.claim("billing", called["conversation"])
    told = road.act(item, "reply", text="Düzelttik")
    assert (told.status_code, told.json()["code"]) == (409, "reply.forbidden")
    assert "call back" in told.json()["text"]
    assert road.act(item, "complete").status_code == 200


def test_a_subject_that_would_be_headers_is_words_in_the_mail_that_we_send(
    road: LocalProfile, dovecot: Dovecot, smtp: Smtp
) -> None:
    inner = HOSTILE[0]
    customer, staff = f"{_new()}@ornek.example", f"{_new()}@ornek.example"
    coded = base64.b64encode(inner.encode()).decode()
    dovecot.deliver(
        "destek",
        f"From: {customer}\r\nSubject: =?utf-8?b?{coded}?=\r\nMessage-ID: <{_new()}@ornek.example>\r\n"
        f"\r\nFaturam yanlış kesilmiş".encode(),
    )
    noted = {"kind": "note", "sender": {"email": staff}, "subject": inner}
    sent = road.send("Faturam yanlış", _new(), **noted)
    item = road.claim("billing", sent["conversation"])
    assert road.act(item, "reply", text="Bakıyoruz.").status_code == 200
    for address in (customer, staff):
        mail = wait("our mail", lambda to=address: smtp.to(to))[0]
        assert mail.get_content_type() == "text/plain"
        assert "Reply-To" not in mail
        words = "oltaci@kotu.example" if address == customer else inner  # a mail's is decoded
        assert words in mail["Subject"]
        assert "\n" not in mail["Subject"]
        assert "<h1>" not in mail.get_payload()
        assert [h for h in mail.keys() if h in FIXED] == FIXED  # noqa: SIM118 - a header's keys repeat


def test_an_answer_that_comes_back_is_told_in_its_conversation(
    road: LocalProfile, dovecot: Dovecot, smtp: Smtp
) -> None:
    customer = f"{_new()}@ornek.example"
    first = f"From: {customer}\r\nMessage-ID: <{_new()}@x>\r\nSubject: Ürün\r\n\r\nÜrün kırık geldi, iade istiyorum\r\n"
    dovecot.deliver("destek", first.encode())
    acknowledged = wait("an acknowledgement", lambda: smtp.to(customer))[0]
    conversation = str(acknowledged["Message-ID"]).split(".")[1]
    item = road.claim("returns", conversation)
    assert road.act(item, "reply", text="Merhaba").status_code == 200
    answer = wait("the answer", lambda: [m for m in smtp.to(customer) if "Auto-Submitted" not in m])
    bounce = (
        "From: Mail Delivery System <MAILER-DAEMON@mx.example>\r\nReturn-Path: <>\r\n"
        f"Message-ID: <{_new()}@mx>\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\n\r\nsorry\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; {customer}\r\nAction: failed\r\n"
        "Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 mailbox is gone\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {answer[0]['Message-ID']}\r\n--b--\r\n"
    )
    dovecot.deliver("destek", bounce.encode())
    told = road.message(
        item["id"], lambda m: any(o["kind"] == "undeliverable" for o in m["outcomes"])
    )
    (outcome,) = (o for o in told["outcomes"] if o["kind"] == "undeliverable")
    assert "mailbox is gone" in outcome["reason"]
    assert outcome["department"] == "returns"


async def _chat(road: LocalProfile, **hello: Any) -> Any:
    socket = await connect(road.access["door"].replace("http", "ws", 1) + "/v1/chat")
    await socket.send(json.dumps({"type": "hello", **hello}))
    return socket, json.loads(await socket.recv())


async def test_a_chat_line_is_received_after_kafka_and_the_answer_survives_a_reload(
    road: LocalProfile,
) -> None:
    socket, session = await _chat(road)
    await socket.send(
        json.dumps({"type": "message", "id": "1", "text": "internetim yok, modem kapalı"})
    )
    accepted = json.loads(await socket.recv())
    assert accepted["type"] == "accepted"
    await socket.close()
    item = await asyncio.to_thread(road.claim, "technical", session["conversation"])
    assert item["messages"][0]["id"] == accepted["message"]
    done = await asyncio.to_thread(road.act, item, "reply", text="Bakıyoruz")
    assert done.status_code == 200
    resumed, told = await _chat(road, session=session["session"], key=session["key"])
    assert told["resumed"]
    async with asyncio.timeout(20):
        reply = json.loads(await resumed.recv())
    assert (reply["type"], reply["text"], reply["agent"]) == ("reply", "Bakıyoruz", "ali")
    await resumed.send(json.dumps({"type": "seen", "id": reply["id"]}))
    await asyncio.to_thread(
        road.message, item["id"], lambda m: any(o["kind"] == "delivered" for o in m["outcomes"])
    )
    await resumed.close()
    third, told = await _chat(
        road, session=session["session"], key=session["key"], after=reply["id"]
    )
    await third.send(
        json.dumps({"type": "message", "id": "1", "text": "internetim yok, modem kapalı"})
    )
    same = json.loads(await third.recv())
    assert same["message"] == accepted["message"], "a line sent again is the same message"
    await third.close()


async def test_a_strangers_key_opens_no_session(road: LocalProfile) -> None:
    first, session = await _chat(road)
    await first.close()
    second, told = await _chat(road, session=session["session"], key="0" * 32)
    assert told["code"] == "chat.bad_session"
    told = json.loads(await second.recv())
    assert told["session"] != session["session"]
    await second.close()


async def test_broken_frames_are_answered_and_the_chat_goes_on(road: LocalProfile) -> None:
    socket, _ = await _chat(road)
    for broken in (
        "{",
        "[]",
        '{"type":"x"}',
        '{"type":"message"}',
        b"\xff\x00",
        '{"type":"message","id":"1","text":""}',
    ):
        await socket.send(broken)
        assert json.loads(await socket.recv())["code"] == "chat.bad_frame"
    await socket.send(json.dumps({"type": "message", "id": "2", "text": "selam"}))
    assert json.loads(await socket.recv())["type"] == "accepted"
    with contextlib.suppress(ConnectionClosed):
        await socket.send("x" * (2 << 20))
        await socket.recv()


@pytest.mark.parametrize(
    ("body", "status", "code", "path"),
    [
        (b"{", 400, "json.malformed", "$"),
        (b"\xff", 400, "json.malformed", "$"),
        (
            b'{"native_id": "1", "text": "x", "sender": {"email": 5}}',
            400,
            "json.invalid",
            "$.sender.email",
        ),
        (
            b'{"native_id": "1", "text": "", "sender": {"email": "a@b"}}',
            400,
            "json.invalid",
            "$.text",
        ),
        (b'{"native_id": "1", "text": "x", "sender": {}}', 400, "json.invalid", "$.sender"),
        (b'{"text": "x", "sender": {"email": "a@b"}}', 400, "json.invalid", "$"),
        (
            b'{"native_id":"1","text":"x","sender":{"handle":"h"},"attachments":[{"name":"a","content":"*"}]}',
            400,
            "attachment.invalid",
            "$.attachments[0].content",
        ),
    ],
)
def test_bad_json_is_answered_with_the_path_of_the_fault(
    road: LocalProfile, body: bytes, status: int, code: str, path: str
) -> None:
    with road.http() as door:
        answer = door.post("/v1/messages", content=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["path"]) == (
        status,
        code,
        path,
    )


def test_wrong_tokens_unknown_accounts_and_sizes_are_answered(road: LocalProfile) -> None:
    with road.http("desk") as door:
        assert door.post("/v1/messages", content=b"{}").status_code == 401
        assert (
            door.post("/v1/messages", headers={"Authorization": ""}, content=b"{}").status_code
            == 401
        )
        assert door.post("/v1/desk/nowhere/claim", json={"agent": "a"}).status_code == 404
    with road.http() as door:
        assert door.post("/v1/desk/billing/claim", json={"agent": "a"}).status_code == 401
        unknown = door.post("/v1/hooks/mail/nobody", content=b"x")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "account.unknown")
        assert door.post("/v1/hooks/pigeon/default", content=b"x").status_code == 404
        large = door.post("/v1/hooks/mail/default", content=b"x" * (33 * 1024 * 1024))
        assert large.status_code == 413
        assert "33554432" in large.json()["text"]

        def pieces() -> Any:
            for _ in range(70):
                yield b"x" * (1024 * 1024)

        assert door.post("/v1/messages", content=pieces()).status_code == 413
        assert door.get(f"/v1/messages/{_new()}").status_code == 404


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_no_body_brings_the_door_down(road: LocalProfile, body: bytes) -> None:
    with road.http() as door:
        assert door.post("/v1/messages", content=body).status_code == 400


def test_an_unreadable_mail_is_a_dead_letter_with_its_bytes_and_can_be_sent_again(
    road: LocalProfile,
) -> None:
    with road.http() as door:
        answer = door.post("/v1/hooks/mail/default", content=b"\r\n \r\n")
    assert answer.json()["code"] == "buried"

    def listed() -> list[Any]:
        lines = road.cli("dead", "list", "--json", "--code", "mime.empty").stdout.splitlines()
        return [json.loads(x) for x in lines]

    letter = wait("the dead letter", listed)[0]
    assert road.cli("dead", "show", letter["id"], "--raw").stdout.strip() == ""
    assert json.loads(road.cli("dead", "show", letter["id"][:8]).stdout)["raw"]["size"] == 5
    again = road.cli("dead", "redrive", letter["id"])
    assert "refused again" in again.stdout, again.stderr
    wait("the second attempt", lambda: listed()[0]["attempt"] == 1)


async def test_a_record_that_does_not_decode_is_buried_and_the_line_moves_on(
    road: LocalProfile,
) -> None:
    from runtime.bus.publisher import Publisher
    from runtime.settings.structs import KafkaSettings

    publisher = Publisher(KafkaSettings(bootstrap=road.access["kafka"]), "test")
    for topic in ("messages.v1", "outcomes.v1"):
        await publisher.send(topic, b"k", b'{"not": "a message"}', [])
    await publisher.stop()
    sent = await asyncio.to_thread(road.send, "Faturam yanlış", _new())
    await asyncio.to_thread(road.message, sent["id"], lambda m: m["decision"])

    def listed() -> bool:
        found = road.cli("dead", "list", "--code", "record.undecodable").stdout
        return "kafka:messages.v1" in found and "kafka:outcomes.v1" in found

    await asyncio.to_thread(wait, "both dead letters", listed)
    ledger = await asyncio.to_thread(road.cli, "ledger", "--json", "--wait", "20")
    assert json.loads(ledger.stdout.splitlines()[-1])["unaccounted"] == 0


def test_search_finds_what_was_written_in_either_alphabet(road: LocalProfile) -> None:
    word = "zümrüdüanka" + _new()[:6]
    sent = road.send(f"{word} hakkında", _new())
    road.message(sent["id"], lambda m: m["decision"])
    from runtime.store import engine
    from workers.store import queries

    store = engine(road.access["store"], read_only=True)
    for query in (word, word.upper().replace("Ü", "U"), word[:8], 'x" OR *', "(", ""):
        with store.connect() as connection:
            found = [line.id for line in queries.search(connection, query)]
        assert (sent["id"] in found) == (query.lower().startswith(("zümrüd", "zumrud"))), query
    store.dispose()


def test_follow_and_explain_tell_the_story(road: LocalProfile) -> None:
    sent = road.send("KVKK kapsamında verilerimi silin", _new())
    road.message(sent["id"], lambda m: m["decision"])
    story = road.cli("follow", sent["id"], "--timeout", "1").stdout
    assert "decided" in story
    assert "legal.privacy" in story
    told = road.cli("explain", sent["id"]).stdout
    assert "kişisel verileri hakkında yazıyor" in told
    assert "writes about personal data" in told


def test_one_trace_goes_through_every_hop(road: LocalProfile) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    with road.http() as door:
        answer = door.post(
            "/v1/messages",
            headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"},
            json={"native_id": _new(), "text": "Faturam yanlış", "sender": {"handle": "h"}},
        )
    identifier = answer.json()["id"]
    road.message(identifier, lambda m: m["decision"])
    found = asyncio.run(_traces(road, identifier))
    assert found == {"messages.v1": trace, "decisions.v1": trace, "queue.billing.v1": trace}


async def _traces(road: LocalProfile, identifier: str) -> dict[str, str]:
    from runtime.bus.readers import read_to_end
    from runtime.settings.structs import KafkaSettings

    found = {}
    names = ["messages.v1", "decisions.v1", "queue.billing.v1"]
    async for records in read_to_end(KafkaSettings(bootstrap=road.access["kafka"]), names):
        for record in records:
            headers = dict(record.headers)
            if headers.get("ce_id", b"").decode().startswith(identifier):
                found[record.topic] = headers["traceparent"].decode()[3:35]
    return found


def test_the_published_surface_is_served(road: LocalProfile) -> None:
    with road.http() as door:
        assert door.get("/openapi.json").json()["openapi"] == "3.1.0"
        assert door.get("/asyncapi.yaml").text.startswith("asyncapi: 3.0.0")
        assert "WebSocket" in door.get("/widget.js").text
        assert door.get("/readyz").status_code == 200
        assert door.get("/metrics").status_code == 404
    with road.http(base="console") as console:
        assert console.get("/metrics").status_code == 404
    road.send("Faturam yanlış", _new())
    told = httpx2.get(f"{road.access['ops']['ingest']}/metrics").text
    assert "santral_messages_accepted_total" in told


def test_every_stage_answers_its_probes_and_the_watch_counts(road: LocalProfile) -> None:
    import httpx2

    for name, base in road.access["ops"].items():
        assert httpx2.get(f"{base}/livez").status_code == 200, name
        assert httpx2.get(f"{base}/readyz").status_code == 200, (
            name,
            httpx2.get(f"{base}/readyz").text,
        )
    road.send("Faturam yanlış", _new())
    watch = road.access["ops"]["watch"]
    wait(
        "the watch counts decisions",
        lambda: "santral_watch_events_total" in httpx2.get(f"{watch}/metrics").text,
    )
