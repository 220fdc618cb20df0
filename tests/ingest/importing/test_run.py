"""`santral import` reads files of each kind, and imports history once, without opening work."""

import json
import mailbox
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.channel import Context, Delivery
from ingest.channels.api import Api
from ingest.importing.entries import kind_of, read_entries
from schemas.base import conversation_id, message_id
from schemas.errors import Unavailable
from tests.support.servers.local_profile import LocalProfile


def _mbox(path: Path, *ids: str) -> Path:
    box = mailbox.mbox(path)
    for number in ids:
        box.add(
            f"From: Ayse <ayse@ornek.example>\nMessage-ID: <{number}@x>\nSubject: Fatura\n\nFaturam yanlis geldi\n".encode()
        )
    box.close()
    return path


TABLES = [
    (
        "a.csv",
        "utf-8-sig",
        "id,text,email,date\n1,Faturam yanlış,a@b.example,02.01.2025 13:00\n",
        "Faturam yanlış",
    ),
    (
        "b.csv",
        "cp1254",
        'metin;eposta;konu\n"Kargom; gelmedi, şikâyet";a@b.example;Kargo\n',
        "Kargom; gelmedi, şikâyet",
    ),
    (
        "c.csv",
        "utf-16",
        'sep=;\n"METİN";"E-POSTA";TARİH;\n"Kargo ""bugün, kesin"" dedi; gelmedi";" a@b.example ";2025-01-02 13:00;\n',
        'Kargo "bugün, kesin" dedi; gelmedi',
    ),
    (
        "d.csv",
        "utf-8",
        "text,phone,email\nFaturam yanlış,05321112233,a@b.example\n",
        "Faturam yanlış",
    ),
]


@pytest.mark.parametrize(("name", "codec", "content", "text"), TABLES)
def test_a_table_is_read_as_spreadsheets_write_it(
    tmp_path: Path, name: str, codec: str, content: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding=codec)
    (entry,) = read_entries(path, kind_of(path))
    assert entry.channel == "api"
    delivery = Delivery(raw=entry.raw, account="a", received_at=datetime.now(UTC))
    message = Api().parse(delivery, Context(brand="d")).message
    assert message.text == text
    assert message.sender.handle("email") == "a@b.example"
    if name in ("a.csv", "c.csv"):
        assert message.sent_at == datetime(2025, 1, 2, 10, tzinfo=UTC), (
            "a time without a zone is Turkey's"
        )


def test_invalid_rows_and_ids_that_two_files_share_do_no_harm(tmp_path: Path) -> None:
    odd = tmp_path / "e.csv"
    odd.write_text("id,text,email\n1,bir,a@b.example\n2,iki,a@b.example,fazla,hücre\n")
    good, wrong = read_entries(odd, "csv")
    assert json.loads(good.raw)["native_id"] == "e:1"
    assert "row" in json.loads(wrong.raw), "its dead letter will tell"
    bad = tmp_path / "f.csv"
    bad.write_text("x,y\n1,2\n")
    with pytest.raises(Unavailable, match="no column `text`"):
        list(read_entries(bad, "csv"))


def test_mailboxes_and_lines_are_read_and_other_files_are_named(tmp_path: Path) -> None:
    box = _mbox(tmp_path / "eski", "1", "2")
    assert kind_of(box) == "mbox"
    assert [e.channel for e in read_entries(box, "mbox")] == ["email", "email"]
    box_file = tmp_path / "from.mbox"
    date = b"Mon Jan  5 10:00:00 2024"
    box_file.write_bytes(
        b"From a@b %s\nSubject: x\n\nMerhaba\n\nFrom the beginning\n>From me\n\nFrom c@d %s\n\nb\n"
        % (date, date)
    )
    first, second = read_entries(box_file, "mbox")
    assert first.raw == b"Subject: x\n\nMerhaba\n\nFrom the beginning\nFrom me\n\n"
    assert second.raw == b"\nb\n"
    folder = mailbox.Maildir(tmp_path / "m")
    key = folder.add(b"From: a@b.example\n\nx")
    assert kind_of(tmp_path / "m") == "maildir"
    assert len(list(read_entries(tmp_path / "m", "maildir"))) == 1
    assert list(read_entries(tmp_path / "m", "maildir", frozenset({key}))) == []
    lines = tmp_path / "x.jsonl"
    lines.write_text('\ufeff{"a":1}\n\n{"a":2}\n{"a":', encoding="utf-8")
    bodies = [e.raw for e in read_entries(lines, kind_of(lines))]
    assert bodies == [b'{"a":1}\n', b'{"a":2}\n'], "the last is still being written"
    (tmp_path / "x.pdf").write_bytes(b"%PDF")
    with pytest.raises(Unavailable, match="Import takes"):
        kind_of(tmp_path / "x.pdf")


SEPARATORS = [
    "From ",
    "From",
    "From - Tue Mar 03 10:00:00 2026",
    "From 1834@xxx Tue Mar 03 07:00:00 +0000 2026",
    "From ???@??? Tue Mar 03 10:00:00 2026",
    'From "Ada Su" Tue Mar  3 10:00:00 2026',
    "From MAILER_DAEMON Tue Mar  3 10:00:00 EEST 2026",
    "From ada@ornek.example 2026-03-03T10:00:00",
    "From ada@ornek.example Sal Mar  3 10:00:00 2026",
    "From ada@ornek.example Tue, 03 Mar 2026 10:00:00 +0300",
]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_mbox_with_odd_separators_is_read(tmp_path: Path, separator: str, end: str) -> None:
    mail = ["Subject: Kargo", "", "Gelmedi.", "", "From Monday 2026 on nothing works.", ""]
    path = tmp_path / "eski"
    path.write_bytes(end.join(["", separator, *mail, separator, *mail]).encode())
    assert kind_of(path) == "mbox"
    mails = [entry.raw for entry in read_entries(path, "mbox")]
    assert mails == [f"{end.join(mail)}{end}".encode(), end.join(mail).encode()]


def test_mails_need_no_blank_line_between_them(tmp_path: Path) -> None:
    path = tmp_path / "eski.mbox"
    path.write_bytes(
        b"From \nSubject: a\n\nbir\nFrom \nSubject: b\n\niki\nFrom x\nFrom: is a field\n"
    )
    first, second = (entry.raw for entry in read_entries(path, "mbox"))
    assert first == b"Subject: a\n\nbir\n"
    assert second.startswith(b"Subject: b\n\n")


def test_a_file_that_is_not_a_mailbox_is_named(tmp_path: Path) -> None:
    path = tmp_path / "posta.mbox"
    path.write_bytes(b"Subject: Kargo\n\nFrom the beginning nothing worked in 2026.\n")
    with pytest.raises(Unavailable, match="not an mbox"):
        list(read_entries(path, kind_of(path)))
    path.write_bytes(b"\n")
    assert list(read_entries(path, kind_of(path))) == []


def test_history_is_stored_decided_and_opens_no_work(road: LocalProfile, tmp_path: Path) -> None:
    ids = [uuid.uuid4().hex for _ in range(3)]
    box = _mbox(tmp_path / "eski.mbox", *ids)
    first = road.cli("import", "--lang", "en", str(box), "--account", "destek")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [f"{box}: 3 accepted, 0 refused, 0 done before"]
    assert "message.accepted" not in first.stderr
    again = road.cli("import", "--lang", "en", str(box), "--account", "destek")
    assert "0 accepted, 0 refused, 3 done before" in again.stdout
    box.unlink()
    third = road.cli(
        "import", "--lang", "en", str(_mbox(box, uuid.uuid4().hex)), "--account", "destek"
    )
    assert "1 accepted, 0 refused, 0 done before" in third.stdout, "another file of the same name"
    typo = road.cli("import", str(box), "--account", "destke")
    assert typo.returncode == 2
    assert "no account 'destke'" in typo.stderr
    rows = tmp_path / "k.jsonl"
    good = {
        "native_id": ids[0],
        "text": "Kargom gelmedi",
        "sender": {"handle": "a"},
        "sent_at": "2025-01-02T10:00:00Z",
    }
    rows.write_text(json.dumps(good) + '\n{"text": "kime?"}\n')
    mixed = road.cli("import", "--lang", "tr", str(rows))
    assert mixed.returncode == 1
    assert "1 kabul edildi, 1 reddedildi" in mixed.stdout
    conversation = conversation_id("default", "mail", f"<{ids[0]}@x>")

    history = road.message(
        message_id("email", "email:destek", f"<{ids[0]}@x>"), lambda m: m["decision"]
    )
    assert history["message"]["flags"] == ["imported"]
    assert (history["decision"]["action"], history["decision"]["department"]) == (
        "automatic",
        "billing",
    )
    report = road.cli("ledger", "--json", "--wait", "20")
    assert json.loads(report.stdout.splitlines()[-1])["unaccounted"] == 0
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


def test_a_form_is_taken_with_a_receipt(road: LocalProfile) -> None:
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
        sent = client.post(
            "/v1/forms/default?lang=tr", data=fields, files={"files": ("a.txt", b"merhaba")}
        )
        assert sent.status_code == 200, "filled in within a moment: it waited"
        assert "Kayıt numaranız" in sent.text
        spam = client.post(
            "/v1/forms/default", data=fields | {"website": "x"}, files={"files": ("a.txt", b"m")}
        )
        assert spam.status_code == 400
        assert client.get("/v1/forms/yok").status_code == 404
