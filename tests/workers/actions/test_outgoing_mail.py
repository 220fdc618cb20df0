"""Nothing that a stranger wrote becomes a header or a body of ours, on any Python."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import example, given
from hypothesis import strategies as st

from cli.up.ports import free_port
from schemas.errors import Rejected
from schemas.message import Handle, Party
from schemas.outcome import Reply
from tests.support.messages import NOW
from tests.support.paths import ROOT
from tests.support.workers.hostile_mail import ADDRESSES, HOSTILE, IDS, PLAIN, check, mails
from workers.actions import outgoing_mail
from workers.actions.outgoing_mail import OutgoingMail, UnsafeMail, clean_address
from workers.actions.reply_email import EmailReplyAccount, ReplyEmail, compose

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
ACCOUNT = EmailReplyAccount(host="h", sender="Örnek Destek <destek@ornek.example>")
REPLY = Reply(
    id="0f0e0d0c-0b0a-5908-8706-050403020100",
    kind="answer",
    brand="b",
    channel="email",
    source="email:a",
    conversation="0f0e0d0c-0b0a-5908-8706-050403020101",
    message="m",
    item="m",
    department="billing",
    recipient=Party(),
    text="Merhaba",
    language="tr",
    at=NOW,
)


def _interpreters() -> dict[str, str]:
    """Return the interpreters of this machine by version; that of the tests is one of them."""
    interpreters = {"{}.{}".format(*sys.version_info[:2]): sys.executable}
    for version in VERSIONS:
        installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        program = str(installed[-1]) if installed else shutil.which(f"python{version}")
        if program:
            interpreters.setdefault(version, program)
    return interpreters


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_no_python_here_writes_more_than_was_meant(version: str) -> None:
    program = _interpreters().get(version)
    if program is None:
        pytest.skip(f"no Python {version} here: outgoing mail is not tried on it")
    done = subprocess.run(
        [program, "-m", "tests.support.workers.hostile_mail", "150"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "none says more" in done.stdout


_TEXT = st.text(max_size=60) | st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join)
_IDS = st.sampled_from(IDS) | st.text(max_size=20).map(lambda x: f"<{x}@y>")


@given(
    subject=_TEXT,
    name=_TEXT,
    text=_TEXT,
    parent=_IDS,
    references=st.lists(_IDS, max_size=30),
    automatic=st.booleans(),
)
@example(
    subject="",
    name="Bcc: x@y.example <h1> Bcc: x@y.example <h1> Bcc: x@y.example <h1>",
    text="",
    parent="<own@x>",
    references=[],
    automatic=False,
)
def test_a_generated_mail_has_the_intended_headers_and_text(
    subject: str, name: str, text: str, parent: str, references: list[str], automatic: bool
) -> None:
    mail = OutgoingMail(
        sender_name=name,
        sender=PLAIN.sender,
        recipient=PLAIN.recipient,
        subject=subject,
        date=NOW,
        message_id=PLAIN.message_id,
        text=text,
        in_reply_to=parent,
        references=tuple(references),
        automatic=automatic,
    )
    assert check(mail), "words and ids alone never keep an answer back"


@pytest.mark.parametrize("mail", mails(0), ids=range(len(mails(0))))
def test_each_hostile_part_alone_is_harmless(mail: OutgoingMail) -> None:
    check(mail)


def test_an_address_is_taken_as_it_is_or_not_at_all() -> None:
    taken = {}
    for address in ADDRESSES:
        try:
            taken[address] = clean_address(address)
        except UnsafeMail:
            continue
    assert taken == {
        "ada@ornek.example": "ada@ornek.example",
        "a..b@ornek.example": "a..b@ornek.example",
        "ada@örnek.example": "ada@xn--rnek-4qa.example",
    }


def test_an_addition_of_the_generator_is_found_before_the_mail_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for added in (
        "Subject: x\r\nBcc: y@z",
        "Subject: x\r\n\r\n<h1>",
        "Subject: y",
        "Subject: x\r\nSubject: x",
    ):
        monkeypatch.setattr(
            outgoing_mail,
            "_field",
            lambda name, value, a=added: a if name == "Subject" else f"{name}: {value}",
        )
        with pytest.raises(UnsafeMail, match="read back as intended|does not parse"):
            outgoing_mail.compose(plain_with(subject="x"))


def plain_with(**more: object) -> OutgoingMail:
    """Return the plain mail with other parts."""
    return OutgoingMail(**(vars(PLAIN) | more))


@given(
    subject=_TEXT,
    text=_TEXT,
    address=st.sampled_from(ADDRESSES) | st.text(max_size=30),
    parent=st.none() | _IDS,
    references=st.lists(_IDS, max_size=8),
)
def test_composing_a_reply_ends_in_a_mail_or_a_refusal(
    subject: str, text: str, address: str, parent: str | None, references: list[str]
) -> None:
    reply = msgspec.structs.replace(
        REPLY, subject=subject, text=text, in_reply_to=parent, references=tuple(references)
    )
    try:
        raw = compose(reply, ACCOUNT, address, b"key")
    except Rejected as error:
        assert error.code in ("reply.no_address", "reply.unsafe")
    else:
        assert b"ornek.example" in raw


class _Sink:
    """A mail server that keeps what it took."""

    def __init__(self) -> None:
        self.took: list[tuple[list[str], bytes]] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.took.append((envelope.rcpt_tos, envelope.content))
        return "250 kept"


@pytest.fixture
def sink() -> Iterator[tuple[_Sink, int]]:
    receiver, port = _Sink(), free_port()
    controller = Controller(receiver, hostname="127.0.0.1", port=port)
    controller.start()
    yield receiver, port
    controller.stop()


async def test_a_subject_within_a_subject_arrives_as_words(sink: tuple[_Sink, int]) -> None:
    server, port = sink
    account = EmailReplyAccount(
        host="127.0.0.1", port=port, tls="none", sender="destek@ornek.example"
    )
    reply = msgspec.structs.replace(
        REPLY,
        kind="acknowledgement",
        subject=HOSTILE[0],
        text="Merhaba\n.\nson",
        recipient=Party(handles=(Handle(kind="email", value="ada@ornek.example"),)),
    )
    assert await ReplyEmail().send(reply, account, b"key") == "250 kept"
    ((recipients, raw),) = server.took
    parsed = message_from_bytes(raw, policy=default)
    assert recipients == ["ada@ornek.example"]
    assert parsed["Subject"] == f"Ynt: {HOSTILE[0]}"
    assert "Reply-To" not in parsed
    assert parsed.get_content_type() == "text/plain"
    assert parsed.get_content().splitlines() == ["Merhaba", ".", "son"]
    for address in ADDRESSES[3:]:
        with pytest.raises(Rejected):
            await ReplyEmail().send(
                msgspec.structs.replace(reply, reply_to=address or "@"), account, b"k"
            )
    assert len(server.took) == 1
