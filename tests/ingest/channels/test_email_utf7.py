"""Names of mailboxes are encoded in modified UTF-7 and quoted."""

import pytest

from ingest.channels.email.utf7 import encode_mailbox


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("INBOX", '"INBOX"'),
        ("Gönderilmiş Postalar", '"G&APY-nderilmi&AV8- Postalar"'),
        ('R&D "x"', '"R&-D \\"x\\""'),
        ("a\\b", '"a\\\\b"'),
        ("😀ş", '"&2D3eAAFf-"'),
    ],
)
def test_a_mailbox_name_is_encoded(name: str, encoded: str) -> None:
    assert encode_mailbox(name) == encoded
