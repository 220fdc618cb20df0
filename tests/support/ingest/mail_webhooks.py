"""Calls of the mail webhooks with a mail of a test's own, proven as the vendors prove them.

Every other field of a call is the one in the files of tests/support/samples. All mails are invented.
"""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from ingest.channels.email.account import Account
from ingest.webhook import WebhookRequest
from tests.support.json_body import JsonBody
from tests.support.samples.payloads import read_form_payload, read_payload, with_fields
from tests.support.samples.registry import SAMPLED_AT, SAMPLES

NOW = SAMPLED_AT
STAMP = str(int(NOW.timestamp()))
MAIL = "From: Ayşe <ayse@musteri.example>\r\nMessage-ID: <1@x>\r\nSubject: Ücret\r\n\r\nİade şart\r\n".encode(
    "cp1254"
)
TOPIC: str = SAMPLES["ses"].document["TopicArn"]
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
    mailgun_key="sir-mailgun",
    postmark_password="sir-postmark",
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


def mailgun(mail: bytes = MAIL) -> WebhookRequest:
    """Return a call of a Mailgun route; its signature does not cover the mail."""
    form = {**read_form_payload("mailgun", "mail"), "body-mime": mail}
    return replace(SAMPLES["mailgun"].call, body=urlencode(form).encode())


def postmark(mail: bytes = MAIL) -> WebhookRequest:
    """Return a call of Postmark's inbound stream."""
    raw_email = {"RawEmail": mail.decode("cp1254")}
    return postmark_call(with_fields(SAMPLES["postmark"].document, raw_email))


def postmark_call(payload: JsonBody) -> WebhookRequest:
    """Return a call of Postmark; its password does not cover the payload."""
    return replace(SAMPLES["postmark"].call, body=json.dumps(payload).encode())


def sendgrid(mail: bytes = MAIL) -> WebhookRequest:
    """Return a call of SendGrid's Inbound Parse."""
    sample = SAMPLES["sendgrid"]
    body = sample.payload.replace(SAMPLES["email"].payload, mail)
    signature = EC_KEY.sign(STAMP.encode() + body, ec.ECDSA(hashes.SHA256()))
    proof = {"x-twilio-email-event-webhook-signature": base64.b64encode(signature).decode()}
    return replace(sample.call, body=body, headers=sample.call.headers | proof)


def ses(mail: bytes = MAIL) -> WebhookRequest:
    """Return a call of SNS with a mail that SES received."""
    content = {"content": base64.b64encode(mail).decode()}
    return ses_call(with_fields(read_payload("ses", "received_notice"), content))


def ses_call(notice: JsonBody) -> WebhookRequest:
    """Return a call of SNS with a notice of SES."""
    message = with_fields(SAMPLES["ses"].document, {"Message": json.dumps(notice)})
    return sns_call(message, ["Message", "MessageId", "Timestamp", "TopicArn", "Type"])


def ses_confirmation(version: str) -> WebhookRequest:
    """Return a call of SNS that asks to confirm a subscription, with a version of its signature."""
    message = read_payload("ses", "subscription_confirmation")
    names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    return sns_call(with_fields(message, {"SignatureVersion": version}), names)


def sns_call(message: JsonBody, signed_names: list[str]) -> WebhookRequest:
    """Return a call of SNS with a message, whose fields of these names SNS signs."""
    signed = "".join(f"{name}\n{message[name]}\n" for name in signed_names).encode()
    digest = hashes.SHA256() if message["SignatureVersion"] == "2" else hashes.SHA1()  # noqa: S303 - SNS version 1
    signature = base64.b64encode(RSA_KEY.sign(signed, padding.PKCS1v15(), digest)).decode()
    return request(
        json.dumps(with_fields(message, {"Signature": signature})).encode(),
        "text/plain; charset=UTF-8",
        x_amz_sns_message_type=message["Type"],
    )
