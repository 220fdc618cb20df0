"""The mail that is composed of a reply, the login with an access token, and a server that is away."""

import base64
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from urllib.parse import parse_qsl

import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from cli.up.ports import free_port
from schemas.base import conversation_id
from schemas.errors import Retry
from schemas.outcome import Reply
from schemas.text import reply_token
from tests.support.messages import NOW, message
from tests.support.servers.vendor import Vendor
from tests.support.workers.replies import reply_to
from workers.actions import reply_email
from workers.actions.protocol import ServerAway
from workers.actions.reply_email import EmailReplyAccount, compose


class Gate:
    """An SMTP server that requires XOAUTH2, and remembers the recipients."""

    def __init__(self) -> None:
        self.took: list[str] = []

    async def auth_XOAUTH2(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, args: list[str]
    ) -> AuthResult:
        response = base64.b64decode(args[1]).decode()
        is_right = response == "user=destek@ornek.example\x01auth=Bearer at-1\x01\x01"
        return AuthResult(success=is_right, auth_data=response, handled=False)

    async def handle_DATA(  # noqa: N802 - as above
        self, _server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert session.authenticated
        self.took += envelope.rcpt_tos
        return "250 kept"


@pytest.fixture
def gate() -> Iterator[tuple[Gate, int]]:
    smtp, port = Gate(), free_port()
    controller = Controller(smtp, hostname="127.0.0.1", port=port, auth_require_tls=False)
    controller.start()
    yield smtp, port
    controller.stop()


async def test_mail_goes_out_with_an_access_token_where_passwords_are_switched_off(
    vendor: Vendor, gate: tuple[Gate, int]
) -> None:
    server, port = gate
    vendor.says("/token", {"access_token": "at-1"}, {"access_token": "stale"})
    oauth = reply_email.SmtpOAuth(
        provider="microsoft", token_url=f"{vendor.url}/token", client_id="c", refresh_token="r-1"
    )
    settings = reply_email.EmailReplyAccount(
        host="127.0.0.1",
        port=port,
        tls="none",
        user="destek@ornek.example",
        sender="destek@ornek.example",
        oauth=oauth,
    )
    answer = await reply_email.ReplyEmail().send(reply_to("ada@ornek.example"), settings, b"key")
    assert (answer, server.took) == ("250 kept", ["ada@ornek.example"])
    form = dict(parse_qsl(vendor.to("/token")[0].body.decode()))
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "r-1",
        "client_id": "c",
        "scope": "https://outlook.office.com/SMTP.Send offline_access",
    }
    with pytest.raises(Retry, match="refuses the login"):
        await reply_email.ReplyEmail().send(reply_to("ada@ornek.example"), settings, b"key")
    vendor.forget()
    vendor.says("/token", {"error": "invalid_grant"}, status=400)
    with pytest.raises(Retry, match="gave no access token"):
        await reply_email.ReplyEmail().send(reply_to("ada@ornek.example"), settings, b"key")
    assert server.took == ["ada@ornek.example"]


async def test_a_mail_server_that_is_away_is_the_accounts_failure_and_not_the_replys() -> None:
    settings = reply_email.EmailReplyAccount(
        host="127.0.0.1", port=free_port(), tls="none", sender="destek@ornek.example"
    )
    with pytest.raises(ServerAway, match="the mail server is away"):
        await reply_email.ReplyEmail().send(reply_to("ada@ornek.example"), settings, b"key")


CONVERSATION = conversation_id("default", "mail", "r")
REPLY = Reply(
    id="0f0e0d0c-0b0a-5908-8706-050403020100",
    kind="answer",
    brand="default",
    channel="email",
    source="email:a",
    conversation=CONVERSATION,
    message="m",
    item="i",
    department="billing",
    recipient=message("x").sender,
    text="Merhaba ğüş\n.\nnokta",
    at=NOW,
    subject="Şikâyet",
    language="tr",
    in_reply_to="<own@x>",
)


def _compose(**changes: object) -> bytes:
    account = EmailReplyAccount(host="h", sender="Örnek Destek <destek@ornek.example>")
    reply = msgspec.structs.replace(REPLY, **changes)
    return compose(reply, account, "ada@ornek.example", b"key")


def _mail(raw: bytes) -> EmailMessage:
    return message_from_bytes(raw, policy=default)


def test_a_mail_carries_the_signed_conversation() -> None:
    mail = _mail(_compose())
    assert reply_token.conversation_of(b"key", mail["Message-ID"]) == CONVERSATION
    assert mail["Subject"] == "Ynt: Şikâyet"
    assert "Auto-Submitted" not in mail
    assert mail.get_content().splitlines() == ["Merhaba ğüş", ".", "nokta"]


def test_a_mail_has_the_first_and_the_last_references_unbroken() -> None:
    ids = tuple(f"<{'x' * 80}{n}@outlook.example>" for n in range(15))
    raw = _compose(references=ids, in_reply_to=ids[-1])
    assert _mail(raw)["In-Reply-To"] == ids[-1]
    assert _mail(raw)["References"].split() == [ids[0], *ids[-10:]]
    assert b"=?" not in raw.split(b"References:")[1].split(b"\r\nX-")[0]
    assert max(map(len, raw.split(b"\r\n"))) < 998


def test_a_reply_gives_the_same_mail_each_time() -> None:
    assert _compose() == _compose()


def test_a_subject_has_one_prefix() -> None:
    assert _mail(_compose(subject="YNT: Şikâyet"))["Subject"] == "YNT: Şikâyet"


def test_a_subject_adds_no_header() -> None:
    injected = _mail(_compose(subject="a\r\nBcc: x@y", language="en"))
    assert injected["Subject"] == "Re: a Bcc: x@y"
    assert "Bcc" not in injected


def test_an_acknowledgement_says_that_a_machine_wrote_it() -> None:
    mail = _mail(_compose(kind="acknowledgement"))
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["X-Auto-Response-Suppress"] == "All"
