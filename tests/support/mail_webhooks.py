"""Calls of the mail webhooks, proven as the vendors prove them. All mails are invented."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ingest.channels.email.account import Account
from ingest.webhook import WebhookRequest

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
MAIL = "From: Ayşe <ayse@musteri.example>\r\nMessage-ID: <1@x>\r\nSubject: Ücret\r\n\r\nİade şart\r\n".encode(
    "cp1254"
)
TOPIC = "arn:aws:sns:eu-central-1:1:destek"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)


def _certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(RSA_KEY.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(1))
        .not_valid_after(NOW + timedelta(1))
    )
    return builder.sign(RSA_KEY, hashes.SHA256()).public_bytes(Encoding.PEM)


CERTIFICATE = _certificate()
ACCOUNT = Account(
    mailgun_key="gun",
    postmark_password="mark",
    ses_topics=(TOPIC,),
    sendgrid_key=base64.b64encode(
        EC_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode(),
)


def request(body: bytes, kind: str, **headers: str) -> WebhookRequest:
    """Return a call with a body of a content type; names of headers have `_` for `-`."""
    renamed = {k.replace("_", "-"): v for k, v in headers.items()}
    return WebhookRequest(
        method="POST",
        path="/v1/hooks/x/destek",
        query={},
        headers={"content-type": kind, **renamed},
        body=body,
    )


def mailgun(**more: bytes) -> WebhookRequest:
    """Return a call of a Mailgun route; more fields replace those of the form."""
    token = "t" * 50
    signature = hmac.new(b"gun", f"{STAMP}{token}".encode(), sha256).hexdigest()
    form = {
        "timestamp": STAMP.encode(),
        "token": token.encode(),
        "signature": signature.encode(),
        "sender": b"ayse@musteri.example",
        "recipient": b"destek@ornek.example",
        "body-mime": MAIL,
        **{k.replace("_", "-"): v for k, v in more.items()},
    }
    return request(urlencode(form).encode(), "application/x-www-form-urlencoded")


def postmark(**more: object) -> WebhookRequest:
    """Return a call of Postmark; more keys replace those of the body."""
    body = {
        "RecordType": "Inbound",
        "OriginalRecipient": "destek@ornek.example",
        "RawEmail": MAIL.decode("cp1254"),
        "Headers": [{"Name": "Received-SPF", "Value": "pass envelope-from=ayse@musteri.example;"}],
        **more,
    }
    basic = base64.b64encode(b"santral:mark").decode()
    return request(json.dumps(body).encode(), "application/json", authorization=f"Basic {basic}")


def _form(parts: dict[str, bytes]) -> tuple[bytes, str]:
    body = b"".join(
        b'--B\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (k.encode(), v)
        for k, v in parts.items()
    )
    return body + b"--B--\r\n", "multipart/form-data; boundary=B"


def sendgrid(**more: bytes) -> WebhookRequest:
    """Return a call of SendGrid's Inbound Parse; more fields replace those of the form."""
    form = {"email": MAIL, "envelope": b'{"to":["destek@ornek.example"],"from":""}'} | more
    body, kind = _form(form)
    signature = EC_KEY.sign(STAMP.encode() + body, ec.ECDSA(hashes.SHA256()))
    return request(
        body,
        kind,
        x_twilio_email_event_webhook_timestamp=STAMP,
        x_twilio_email_event_webhook_signature=base64.b64encode(signature).decode(),
    )


def ses(kind: str = "Notification", version: str = "2", **more: object) -> WebhookRequest:
    """Return a call of SNS; more keys replace those of the SES notice."""
    notice = {
        "notificationType": "Received",
        "content": base64.b64encode(MAIL).decode(),
        "mail": {"source": "ayse@musteri.example"},
        "receipt": {
            "recipients": ["destek@ornek.example"],
            "action": {"type": "SNS", "encoding": "BASE64"},
        },
    } | more
    message = {
        "Type": kind,
        "MessageId": "m",
        "TopicArn": TOPIC,
        "Message": json.dumps(notice),
        "Timestamp": "2026-11-20T09:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem",
    }
    names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    if kind != "Notification":
        message |= {
            "Token": "t",
            "SubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription",
        }
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{n}\n{message[n]}\n" for n in names).encode()
    digest = hashes.SHA256() if version == "2" else hashes.SHA1()  # noqa: S303 - SNS version 1
    message["Signature"] = base64.b64encode(
        RSA_KEY.sign(signed, padding.PKCS1v15(), digest)
    ).decode()
    return request(
        json.dumps(message).encode(), "text/plain; charset=UTF-8", x_amz_sns_message_type=kind
    )
