"""Small parts: watchdogs, windows, traces, channels' parsers, our mails, the command line."""

import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bench import __main__ as measurements
from cli.main import main
from ingest.channel import Context, Delivery
from ingest.channels import chat
from ingest.registry import CHANNELS
from ingest.sources.source_health import SourceHealth
from router.watch.minute_rates import KEPT_MINUTES, Seen, Windows
from runtime import trace
from runtime.health.checks import Health, LastSuccess
from runtime.log import redacted
from runtime.metrics import METRICS, exposition
from schemas.base import conversation_id
from schemas.errors import Rejected
from schemas.message import Message
from schemas.outcome import Reply
from schemas.text import reply_token
from tests.support.messages import NOW, message
from workers.actions.reply_email import EmailReplyAccount, compose


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def test_readiness_is_judged_by_the_last_success() -> None:
    clock, health = Hand(), Health("x")
    fresh = LastSuccess(clock, 60, "poll")
    health.add("poll", fresh)
    assert health.report()[0] == 503
    fresh.succeeded()
    assert health.report()[0] == 200
    clock.seconds = 61
    status, body = health.report()
    assert status == 503
    assert json.loads(body)["problems"] == {"poll": "last poll 61 s ago"}


def test_a_source_that_cannot_be_read_is_shown_and_leaves_the_door_ready() -> None:
    clock, health = Hand(), Health("ingest")
    source = SourceHealth("email:destek", health, clock)
    status, body = health.report(verbose=True)
    assert status == 200
    assert json.loads(body)["notes"] == {"source email:destek": "no finished poll yet"}
    assert b'santral_source_ready{source="email:destek"} 0.0' in exposition()
    source.report_pass("email:destek:INBOX")
    assert json.loads(health.report(verbose=True)[1])["notes"] == {"source email:destek": "ok"}
    assert b'santral_source_ready{source="email:destek"} 1.0' in exposition()
    clock.seconds = 700
    age = b'santral_source_poll_age_seconds{source="email:destek:INBOX"} 700.0'
    assert age in exposition()
    assert health.report()[0] == 200
    assert "notes" not in json.loads(health.report()[1])


def _seen(minute: int, hops: int = 0) -> Seen:
    at = datetime.fromtimestamp(minute * 60 + 5, UTC)
    return Seen(message="m", channel="api", department="d", intent="i", decided_at=at, hops=hops)


def test_windows_count_each_decision_once_and_forget_old_minutes() -> None:
    windows = Windows()
    for offset in (0, 1, 1, 0, 2):
        windows.take(0, offset, _seen(100))
    windows.take(1, 0, _seen(100))
    windows.take(1, 1, _seen(100, hops=1))
    assert windows.minute(100)["api", "d", "i"] == 4
    windows.drop({1})
    assert windows.minute(100)["api", "d", "i"] == 3
    windows.take(0, 3, _seen(100 + KEPT_MINUTES))
    assert windows.minute(100) == {}


def test_a_child_keeps_the_trace_and_what_is_no_trace_begins_one() -> None:
    parent = trace.start()
    child = trace.child(parent)
    assert trace.trace_id(child) == trace.trace_id(parent)
    assert child != parent
    for wrong in (None, "", "00-0-0-0", "00-" + "0" * 32 + "-" + "a" * 16 + "-01", parent.upper()):
        assert trace.trace_id(trace.child(wrong)) != trace.trace_id(parent)


def test_every_metric_tells_the_operator_something() -> None:
    assert all(m.tells.endswith(".") and len(m.tells) > 20 for m in METRICS.values())
    assert isinstance(exposition(), bytes)
    assert redacted("ayse@ornek.example") == "a…@ornek.example"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "native_id",
                    "text",
                    "sender",
                    "email",
                    "attachments",
                    "content",
                    "session",
                    "line",
                    "type",
                    "id",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("name", sorted(CHANNELS))
@given(raw=st.binary(max_size=200) | _JSON.map(lambda v: json.dumps(v).encode()))
def test_no_input_makes_a_channel_raise_anything_but_rejected(name: str, raw: bytes) -> None:
    delivery = Delivery(raw=raw, account="a", received_at=NOW)
    try:
        made = CHANNELS[name].parse(delivery, Context(brand="default", signing_key=b"k"))
    except Rejected as error:
        assert error.text
    else:
        assert msgspec.json.decode(msgspec.json.encode(made.message), type=Message) == made.message


@given(st.text(max_size=120) | st.binary(max_size=120))
def test_no_chat_frame_raises_anything_but_rejected(data: Any) -> None:
    try:
        chat.frame(data)
    except Rejected as error:
        assert error.code == "chat.bad_frame"


def _reply(**more: Any) -> Reply:
    told: dict[str, Any] = {
        "id": "0f0e0d0c-0b0a-5908-8706-050403020100",
        "kind": "answer",
        "brand": "default",
        "channel": "email",
        "source": "email:a",
        "conversation": conversation_id("default", "mail", "r"),
        "message": "m",
        "item": "i",
        "department": "billing",
        "recipient": message("x").sender,
        "text": "Merhaba ğüş\n.\nnokta",
        "at": NOW,
        "subject": "Şikâyet",
        "language": "tr",
        "in_reply_to": "<own@x>",
    }
    return Reply(**(told | more))


def _sent(reply: Reply) -> Any:
    account = EmailReplyAccount(host="h", sender="Örnek Destek <destek@ornek.example>")
    raw = compose(reply, account, "ada@ornek.example", b"key")
    return message_from_bytes(raw, policy=default), raw


def test_our_mail_carries_the_signed_conversation_and_unbroken_ids() -> None:
    ids = tuple(f"<{'x' * 80}{n}@outlook.example>" for n in range(15))
    mail, raw = _sent(_reply(references=ids, in_reply_to=ids[-1]))
    assert reply_token.conversation_of(b"key", mail["Message-ID"]) == conversation_id(
        "default", "mail", "r"
    )
    assert mail["In-Reply-To"] == ids[-1]
    assert mail["References"].split() == [ids[0], *ids[-10:]]
    assert b"=?" not in raw.split(b"References:")[1].split(b"\r\nX-")[0]
    assert max(map(len, raw.split(b"\r\n"))) < 998
    assert mail["Subject"] == "Ynt: Şikâyet"
    assert "Auto-Submitted" not in mail
    assert mail.get_content().splitlines() == ["Merhaba ğüş", ".", "nokta"]
    assert _sent(_reply())[1] == _sent(_reply())[1], "sent again, it is the same mail"


def test_one_prefix_and_no_header_injection() -> None:
    assert _sent(_reply(subject="YNT: Şikâyet"))[0]["Subject"] == "YNT: Şikâyet"
    assert _sent(_reply(subject="a\r\nBcc: x@y", language="en"))[0]["Subject"] == "Re: a Bcc: x@y"
    assert "Bcc" not in _sent(_reply(subject="a\r\nBcc: x@y"))[0]


def test_an_acknowledgement_says_that_a_machine_wrote_it() -> None:
    mail, _ = _sent(_reply(kind="acknowledgement"))
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"


def test_decide_reads_lines_and_answers_in_order_with_state() -> None:
    lines = [
        {"text": "Faturam yanlış", "conversation": "c", "id": "1"},
        {"text": "tamam", "conversation": "c", "id": "2"},
        {"text": "Faturam yanlış", "conversation": "c", "id": "1"},
        {"text": "selam", "subject": "Kargom nerede"},
    ]
    body = "\n".join(json.dumps(x) for x in lines)
    first, second = (CliRunner().invoke(main, ["decide"], input=body) for _ in range(2))
    assert first.exit_code == 0, first.output
    assert first.output == second.output, "the same input gives the same bytes"
    told = [json.loads(x) for x in first.output.splitlines()]
    assert [t["action"] for t in told] == ["queue", "append", "repeat", "queue"]
    assert [t["department"] for t in told] == ["billing", "billing", "billing", "orders"]


def test_commands_speak_to_the_person(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert "line 1" in run(main, ["decide"], input="{").output
    assert run(main, ["decide"], input='{"txt": "x"}').exit_code == 2
    assert run(main, ["check", "--offline"]).exit_code == 0
    mail = tmp_path / "a.eml"
    mail.write_bytes(b"From: a@b.example\nSubject: x\n\nmetin")
    empty = tmp_path / "b.eml"
    empty.write_bytes(b"\n")
    told = run(main, ["parse", "email", str(mail), str(empty)])
    first, second = (json.loads(x) for x in told.output.splitlines())
    assert first["text"] == "metin"
    assert second["rejected"] == "mime.empty"
    assert "no channel 'pigeon'" in run(main, ["parse", "pigeon", str(mail)]).output
    wrong = tmp_path / "santral.toml"
    wrong.write_text("[kafak]\nx = 1\n")
    told = run(main, ["--config", str(wrong), "check", "--offline"])
    assert told.exit_code == 2
    assert "Did you mean 'kafka'?" in told.output
    text = tmp_path / "t.txt"
    text.write_text("Faturam çok yüksek")
    assert "faturadan söz ediyor" in run(main, ["explain", str(text)]).output


def test_the_example_configuration_is_valid() -> None:
    from ingest.registry import sections
    from runtime.settings.load import load
    from tests.support.paths import ROOT
    from workers.actions.registry import sections as actions

    made = load(ROOT / "santral.example.toml", {}, sections() | actions())
    assert made.channels["email"]["destek"]["host"] == "imap.example.com"


def test_the_archive_gives_back_what_it_was_given_and_nothing_else(tmp_path: Path) -> None:
    from runtime.archive.folder_archive import FolderArchive

    archive, other = FolderArchive(tmp_path), FolderArchive(tmp_path)
    small, empty, large = archive.put(b"one"), archive.put(b""), archive.put(b"x" * 100_000)
    second = other.put(b"two")
    for raw, data in ((small, b"one"), (empty, b""), (large, b"x" * 100_000), (second, b"two")):
        assert FolderArchive(tmp_path).read(raw) == data
    digest = archive.keep(b"file")
    assert archive.path(digest).read_bytes() == b"file"
    replace = msgspec.structs.replace
    for wrong in (
        replace(small, ref="pack:../../etc/passwd:0"),
        replace(small, ref="pack:0123456789:0"),
        replace(small, sha256="0" * 64),
        replace(small, ref="x", sha256="../x"),
        replace(small, size=2),
    ):
        assert archive.read(wrong) is None, wrong


def test_a_full_archive_is_told_and_nothing_is_accepted(tmp_path: Path) -> None:
    from runtime.archive.folder_archive import FolderArchive
    from schemas.errors import Unavailable

    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(Unavailable, match="can't be written"):
        FolderArchive(blocked).put(b"x")
    with pytest.raises(Unavailable, match="can't be written"):
        FolderArchive(blocked).keep(b"x")


def test_every_measurement_can_be_begun() -> None:
    assert all(callable(run) for run in measurements.MEASUREMENTS.values())
