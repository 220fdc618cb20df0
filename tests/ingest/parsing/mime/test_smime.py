"""Signed mails, as Turkish registered mail (KEP), are unwrapped."""

import base64
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from ingest.parsing.mail.message import parse_message
from schemas.message import Message

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = b"key"


def _read(raw: bytes, **more: str) -> Message:
    return parse_message(
        raw, brand="default", account="a", received_at=NOW, signing_key=KEY, **more
    )[0]  # type: ignore[arg-type]  # texts only


def _wrapped(inner: bytes, *, detached: bool = False) -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kep.example")])
    day = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day.replace(year=2027))
        .sign(key, hashes.SHA256())
    )
    options = [
        pkcs7.PKCS7Options.Binary,
        *([pkcs7.PKCS7Options.DetachedSignature] if detached else []),
    ]
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(inner)
        .add_signer(certificate, key, hashes.SHA256())
        .sign(Encoding.DER, options)
    )


def test_a_mail_that_is_wrapped_in_its_signature_is_opened_and_the_wrapping_kept() -> None:
    inner = (
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nKEP iletisi: faturam yanlış\r\n'
        "--b\r\nContent-Type: application/pdf; name=f.pdf\r\n\r\n%PDF-1.4\r\n--b--\r\n"
    ).encode()
    for kind in (
        "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
        "application/octet-stream; name=smime.p7m",
    ):
        head = f"From: a@kep.example\r\nMessage-ID: <1@kep>\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        message = _read(head.encode() + base64.encodebytes(_wrapped(inner)))
        assert message.text == "KEP iletisi: faturam yanlış"
        assert {a.name for a in message.attachments} == {"smime.p7m", "f.pdf"}
        assert "mime.signed" in message.repaired
        assert "mime.encrypted" not in message.repaired
    for odd in (
        b"no CMS",
        _wrapped(inner, detached=True),
        _wrapped(inner)[:100],
        b"\x30\x80" * 5000,
    ):
        message = _read(head.encode() + base64.encodebytes(odd))
        assert [a.name for a in message.attachments] == ["smime.p7m"]
