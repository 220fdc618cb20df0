"""`santral import`: what files hold, and on the road: history opens no work and is imported once."""

import json
import mailbox
import uuid
from pathlib import Path

import pytest

from ingest.channel import Context, Delivery
from ingest.channels.api import Api
from ingest.importing import entries, kind_of
from schemas.base import conversation_id, message_id
from schemas.errors import Unavailable
from tests.servers import Up, wait


def _mbox(path: Path, *ids: str) -> Path:
    box = mailbox.mbox(path)
    for number in ids:
        box.add(
            f"From: Ayse <ayse@ornek.example>\nMessage-ID: <{number}@x>\nSubject: Fatura\n\nFaturam yanlis geldi\n".encode()
        )
    box.close()
    return path


def test_a_table_is_read_by_its_header_in_either_language(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    for name, text in (
        ("a.csv", "id,text,email,date\n1,Faturam yanlış,a@b.example,2025-01-02 10:00:00\n"),
        ("b.csv", 'metin;eposta;konu\n"Kargom; gelmedi";a@b.example;Kargo\n'),
    ):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8-sig")
        ((channel, raw),) = entries(path, kind_of(path))
        assert channel == "api"
        made = (
            Api()
            .parse(
                Delivery(raw=raw, account="a", received_at=datetime.now(UTC)), Context(brand="d")
            )
            .message
        )
        assert made.text in ("Faturam yanlış", "Kargom; gelmedi")
        assert made.sender.handle("email") == "a@b.example"
        if name == "a.csv":
            assert made.sent_at == datetime(2025, 1, 2, 10, tzinfo=UTC)
    bad = tmp_path / "c.csv"
    bad.write_text("x,y\n1,2\n")
    with pytest.raises(Unavailable, match="no column `text`"):
        list(entries(bad, "csv"))


def test_mailboxes_and_lines_are_read_and_others_are_told(tmp_path: Path) -> None:
    box = _mbox(tmp_path / "eski", "1", "2")
    assert kind_of(box) == "mbox"
    assert [c for c, _ in entries(box, "mbox")] == ["email", "email"]
    folder = mailbox.Maildir(tmp_path / "m")
    folder.add(b"From: a@b.example\n\nx")
    assert kind_of(tmp_path / "m") == "maildir"
    assert len(list(entries(tmp_path / "m", "maildir"))) == 1
    lines = tmp_path / "x.jsonl"
    lines.write_text('{"a":1}\n\n{"a":2}\n')
    assert len(list(entries(lines, kind_of(lines)))) == 2
    (tmp_path / "x.pdf").write_bytes(b"%PDF")
    with pytest.raises(Unavailable, match="Import takes"):
        kind_of(tmp_path / "x.pdf")


def test_history_is_stored_decided_and_opens_no_work(road: Up, tmp_path: Path) -> None:
    ids = [uuid.uuid4().hex for _ in range(3)]
    box = _mbox(tmp_path / "eski.mbox", *ids)
    first = road.cli("import", str(box), "--account", "destek")
    assert first.returncode == 0, first.stderr
    assert "3 accepted, 0 refused, 0 done before" in first.stdout
    again = road.cli("import", str(box), "--account", "destek")
    assert "0 accepted, 0 refused, 3 done before" in again.stdout
    rows = tmp_path / "k.jsonl"
    good = {
        "native_id": ids[0],
        "text": "Kargom gelmedi",
        "sender": {"handle": "a"},
        "sent_at": "2025-01-02T10:00:00Z",
    }
    rows.write_text(json.dumps(good) + '\n{"text": "kime?"}\n')
    mixed = road.cli("import", str(rows))
    assert mixed.returncode == 1
    assert "1 accepted, 1 refused" in mixed.stdout
    conversation = conversation_id("default", "mail", f"<{ids[0]}@x>")

    history = road.message(
        message_id("email", "email:destek", f"<{ids[0]}@x>"), lambda m: m["decision"]
    )
    assert history["message"]["flags"] == ["imported"]
    assert (history["decision"]["action"], history["decision"]["department"]) == (
        "automatic",
        "billing",
    )
    told = road.cli("ledger", "--json", "--wait", "20")
    assert json.loads(told.stdout.splitlines()[-1])["unaccounted"] == 0
    # A live mail of the same thread opens it.
    reply = f"From: Ayse <ayse@ornek.example>\r\nMessage-ID: <{uuid.uuid4().hex}@x>\r\nIn-Reply-To: <{ids[0]}@x>\r\nSubject: Fatura\r\n\r\nFaturam hala yanlis"
    with road.http() as client:
        answer = client.post(
            "/v1/hooks/mail/destek",
            content=reply.encode(),
            headers={"content-type": "message/rfc822"},
        )
    assert answer.status_code == 200
    item = road.claim("billing", conversation)
    assert len(item["messages"]) == 1, "what was imported did not wait"


def test_a_form_is_taken_with_a_receipt(road: Up) -> None:
    import time

    with road.http() as client:
        shown = client.get("/v1/forms/default", params={"lang": "tr"})
        assert "Bize yazın" in shown.text
        assert "frame-ancestors" in shown.headers["content-security-policy"]
        stamp = shown.text.partition('name="stamp" value="')[2].partition('"')[0]
        fields = {
            "stamp": stamp,
            "website": "",
            "email": "a@ornek.example",
            "text": f"Şifremi unuttum {uuid.uuid4().hex}",
        }
        early = client.post(
            "/v1/forms/default?lang=tr", data=fields, files={"files": ("a.txt", b"merhaba")}
        )
        assert early.status_code == 400, "filled in within a moment"
        until = time.monotonic() + 10

        def taken() -> str:
            assert time.monotonic() < until
            sent = client.post(
                "/v1/forms/default?lang=tr", data=fields, files={"files": ("a.txt", b"merhaba")}
            )
            return sent.text if sent.status_code == 200 else ""

        receipt = wait("the form is old enough to be a person's", taken)
        assert "Kayıt numaranız" in receipt
        spam = client.post(
            "/v1/forms/default", data=fields | {"website": "x"}, files={"files": ("a.txt", b"m")}
        )
        assert spam.status_code == 400
        assert client.get("/v1/forms/yok").status_code == 404
