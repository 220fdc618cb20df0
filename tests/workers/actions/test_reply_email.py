"""The login of mail with an access token, and a mail server that is away."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from cli.up.ports import free_port
from schemas.errors import Retry
from tests.support.replies import reply_to
from tests.support.servers.vendor import Vendor
from workers.actions import reply_email
from workers.actions.protocol import ServerAway


class Gate:
    """An SMTP server that requires XOAUTH2, and remembers the recipients."""

    def __init__(self) -> None:
        self.took: list[str] = []

    async def auth_XOAUTH2(self, server: Any, args: list[str]) -> AuthResult:  # noqa: N802 - aiosmtpd's name
        response = base64.b64decode(args[1]).decode()
        is_right = response == "user=destek@ornek.example\x01auth=Bearer at-1\x01\x01"
        return AuthResult(success=is_right, auth_data=response, handled=False)

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as above
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
