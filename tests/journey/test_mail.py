"""Mails from outside: by IMAP and by a vendor's webhook, our answers, and the answers that come back."""

import base64
import hmac
import json
import time
import uuid
from hashlib import sha256

import httpx2

from schemas.base import conversation_id
from tests.support.json_body import JsonBody
from tests.support.servers.dovecot import Dovecot
from tests.support.servers.local_profile import LocalProfile
from tests.support.servers.smtp import SmtpServer
from tests.support.waiting import wait
from tests.support.workers.hostile_mail import FIXED, HOSTILE


def _new() -> str:
    return uuid.uuid4().hex


def test_a_mail_by_imap_is_answered_with_our_token_and_the_reply_comes_home(
    road: LocalProfile, dovecot: Dovecot, smtp: SmtpServer
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
        assert wait(
            "the mail on its topic",
            lambda: road.cli("tap", "messages", "--from-beginning", "--count", "1").stdout,
        )
        assert reader.get("/livez").status_code == 200
    conversation = str(acknowledged["Message-ID"]).split(".")[1]
    item = road.claim("returns", conversation)
    assert item["messages"][0]["text"].startswith("Ürün kırık geldi, para iadesi")
    assert item["messages"][0]["sender"]["name"] == "Ayşe Örnek"
    assert road.act(item, "reply", text="Merhaba, iadeniz başladı.\nİyi günler").status_code == 200
    again = road.act(item, "reply", text="Merhaba, iadeniz başladı.\nİyi günler")
    assert (again.status_code, again.json()["code"]) == (409, "reply.repeated")
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
        f"In-Reply-To: {answer[0]['Message-ID']}\r\n\r\nPeki, param ne zaman yatar?\r\n"
    ).encode()
    dovecot.deliver("destek", back)
    reopened = road.claim("returns", conversation)
    assert "reopened" in reopened["decision"]["flags"]
    assert "new_participant" not in reopened["decision"]["flags"]


def test_the_desk_learns_that_an_answer_was_refused(
    road: LocalProfile, dovecot: Dovecot, smtp: SmtpServer
) -> None:
    customer = f"{_new()}@yok.example"
    smtp.refuse[customer] = "550 yok"
    dovecot.deliver(
        "destek",
        f"From: {customer}\r\nMessage-ID: <{_new()}@x>\r\nSubject: Fatura\r\nAuto-Submitted: no\r\n\r\nFaturam yanlış\r\n".encode(),
    )

    def claimed_item() -> JsonBody | None:
        with road.http("desk") as door:
            answer = door.post("/v1/desk/billing/claim", json={"agent": "a", "count": 100})
        if answer.status_code == 503:
            return None  # the desk reads its queues after a start
        items = answer.json()["items"]
        own = [i for i in items if i["messages"][0]["sender"]["handles"][0]["value"] == customer]
        return own[0] if own else None

    item = wait("the item", claimed_item) or {}
    road.act(item, "reply", text="Merhaba")
    state = road.message(
        item["id"], lambda m: any(o["kind"] == "undeliverable" for o in m["outcomes"])
    )
    (reason,) = {o["reason"] for o in state["outcomes"] if o["kind"] == "undeliverable"}
    assert "550 yok" in reason
    # The agent may be done before the item is back, which then waits all the same.
    assert road.act(item, "complete").status_code in (200, 409)
    again = wait("the item is back", claimed_item) or {}
    assert again["id"] == item["id"]
    assert "undeliverable" in again["decision"]["flags"]
    assert "550 yok" in again["decision"]["reasons"][-1]["text_en"]
    assert road.act(again, "complete").status_code == 200


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


def test_a_subject_that_would_be_headers_is_words_in_the_mail_that_we_send(
    road: LocalProfile, dovecot: Dovecot, smtp: SmtpServer
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


def test_an_answer_that_comes_back_is_an_outcome_of_its_conversation(
    road: LocalProfile, dovecot: Dovecot, smtp: SmtpServer
) -> None:
    customer = f"{_new()}@ornek.example"
    first = f"From: {customer}\r\nMessage-ID: <{_new()}@x>\r\nSubject: Ürün\r\n\r\nÜrün kırık geldi, iade istiyorum\r\n"
    dovecot.deliver("destek", first.encode())
    acknowledged = wait("an acknowledgement", lambda: smtp.to(customer))[0]
    conversation = str(acknowledged["Message-ID"]).split(".")[1]
    item = road.claim("returns", conversation)
    assert road.act(item, "reply", text="Merhaba").status_code == 200
    assert road.act(item, "complete").status_code == 200
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
    state = road.message(
        item["id"], lambda m: any(o["kind"] == "undeliverable" for o in m["outcomes"])
    )
    (outcome,) = (o for o in state["outcomes"] if o["kind"] == "undeliverable")
    assert "mailbox is gone" in outcome["reason"]
    assert outcome["department"] == "returns"
    again = road.claim("returns", conversation)
    assert again["id"] == item["id"]
    assert {"undeliverable", "reopened"} <= set(again["decision"]["flags"])
    assert "mailbox is gone" in again["decision"]["reasons"][-1]["text_en"]
    dovecot.deliver("destek", bounce.replace("@mx>", "@mx2>", 1).encode())
    state = road.message(
        item["id"],
        lambda m: sum(o["kind"] == "undeliverable" for o in m["outcomes"]) == 2,
    )
    assert state["decision"]["hops"] == 1, "a second bounce of the same reply changes nothing"
    assert road.act(again, "complete").status_code == 200


def test_an_unreadable_mail_is_a_dead_letter_with_its_bytes_and_can_be_sent_again(
    road: LocalProfile,
) -> None:
    with road.http() as door:
        answer = door.post("/v1/hooks/mail/default", content=b"\r\n \r\n")
    assert answer.json()["code"] == "buried"

    def letters() -> list[JsonBody]:
        lines = road.cli("dead", "list", "--json", "--code", "mime.empty").stdout.splitlines()
        return [json.loads(x) for x in lines]

    letter = wait("the dead letter", letters)[0]
    assert road.cli("dead", "show", letter["id"], "--raw").stdout.strip() == ""
    assert json.loads(road.cli("dead", "show", letter["id"][:8]).stdout)["raw"]["size"] == 5
    again = road.cli("dead", "redrive", letter["id"])
    assert "refused again" in again.stdout, again.stderr
    wait("the second attempt", lambda: letters()[0]["attempt"] == 1)
