"""The login to a mailbox names any user, with any password."""

import pytest

from ingest.channels.email.account import Account
from ingest.channels.email.session import open_session
from tests.support.servers.imap import serve_imap

_SELECTED = b"* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 1] ok\r\n%s OK done\r\n"


@pytest.mark.parametrize(
    ("user", "password", "words"),
    [
        ("destek", "secret", b'LOGIN "destek" "secret"'),
        ("müşteri destek", "s e", 'LOGIN "müşteri destek" "s e"'.encode()),
        ("FIRMA\\destek", 'a"b\\c', rb'LOGIN "FIRMA\\destek" "a\"b\\c"'),
    ],
)
async def test_a_name_and_a_password_arrive_as_they_are(
    user: str, password: str, words: bytes
) -> None:
    """Source: RFC 3501, section 9 (quoted)."""
    commands: list[bytes] = []

    def answer(command: bytes, tag: bytes) -> bytes:
        commands.append(command)
        return _SELECTED % tag if command.startswith(b"SELECT") else tag + b" OK done\r\n"

    async with serve_imap(answer) as port:
        account = Account(host="127.0.0.1", port=port, tls=False, user=user, password=password)
        async with open_session(account, "a", "INBOX", None):
            pass
    assert words in commands
