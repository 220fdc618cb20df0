"""Amazon SES receiving through an SNS topic, by the receipt rule's action SNS.

SNS signs the messages of every topic, so only those in `ses_topics` are accepted, and the webhook
confirms subscriptions to them. The mail is in the notification (action SNS, encoding Base64, up to
150 KB), or in a bucket (action S3). By default SNS drops a mail after three tries within 20 s, so
give the subscription a long retry policy and a dead-letter queue. Source: docs.aws.amazon.com,
verifying the signatures of SNS messages; SES notification contents.
"""

import base64
import binascii
import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ingest.channel import AccountSettings
from ingest.parsing.mail.smtp_envelope import InBucket, with_envelope
from ingest.sources.s3 import BucketSettings
from ingest.webhook import (
    MIB,
    Settings,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    require_secret,
)
from schemas import envelope
from schemas.base import Record
from schemas.delays import SETUP_PROBLEM_S
from schemas.errors import Rejected, Retry

WINDOW = timedelta(hours=8)
_REPORTS = ("Bounce", "Complaint", "DeliveryDelay", "Reject")
"""The SES events about our own mail that reach a person or a reply's outcome."""

# sns.REGION with the form of a real region, because a bucket named `sns` answers at
# sns.s3-us-west-2.amazonaws.com.
_SNS_URL = re.compile(
    r"https://sns\.[a-z]{2}(?:-[a-z]+){1,3}-\d{1,2}\.amazonaws\.com(?:\.cn)?/[^\s\\@]*"
)
_NOTIFICATION_FIELDS = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION_FIELDS = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
_MAX_CERTIFICATES = 20  # Amazon replaces them about once a year


class _Sns(Record, frozen=True, kw_only=True, rename="pascal"):
    type: str
    message: str
    message_id: str
    timestamp: str
    topic_arn: str
    signature: str
    signature_version: str = "1"
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = msgspec.field(default=None, name="SubscribeURL")


class _Action(Record, frozen=True, kw_only=True, rename="camel"):
    type: str = ""
    encoding: str = "UTF8"
    bucket_name: str = ""
    object_key: str = ""


class _Receipt(Record, frozen=True, kw_only=True):
    recipients: tuple[str, ...] = ()
    action: _Action = _Action()


class _Mail(Record, frozen=True, kw_only=True):
    source: str | None = None


class _Notice(Record, frozen=True, kw_only=True, rename="camel"):
    notification_type: str = ""
    event_type: str = ""
    content: str = ""
    mail: _Mail = _Mail()
    receipt: _Receipt = _Receipt()


class SesAccount(AccountSettings, Protocol):
    """The settings of Amazon's calls in an email account."""

    @property
    def ses_topics(self) -> tuple[str, ...]:
        """The topics whose notifications the account takes."""
        ...

    @property
    def ses_bucket(self) -> BucketSettings:
        """The bucket of the receipt rule."""
        ...


class Ses:
    """Amazon SES receiving."""

    name = "ses"
    channel = "email"
    patient = False  # three tries, 20 s apart, unless the subscription says otherwise
    max_body = MIB

    def __init__(self) -> None:
        self._certificates: dict[str, bytes] = {}

    def proof_headers(self, settings: SesAccount) -> tuple[str, ...]:
        """Return no header, because the body has the signature."""
        require_secret(",".join(settings.ses_topics), "ses_topics", "[channels.email.ACCOUNT]")
        return ()

    async def receive(
        self, request: WebhookRequest, settings: SesAccount, context: WebhookContext
    ) -> WebhookResult:
        """Return the mail in a notification, or confirm a subscription."""
        require_secret(",".join(settings.ses_topics), "ses_topics", "[channels.email.ACCOUNT]")
        sns = envelope.decode_body(_Sns, request.body)
        if sns.topic_arn not in settings.ses_topics:
            raise Rejected("signature.wrong", f"the topic {sns.topic_arn[:100]!r} is not ours")
        if request.headers.get("x-amz-sns-message-type", sns.type) != sns.type:
            raise Rejected("signature.wrong", "the header names another type than the body")
        await self._verify(sns, context)
        context.report_proven()
        if sns.type == "SubscriptionConfirmation":
            await context.fetch(_require_sns_url(sns.subscribe_url or "", "SubscribeURL"))
            return WebhookResult(ignored=("subscribed",))
        if sns.type != "Notification":
            return WebhookResult(ignored=(sns.type[:40],))
        return _mail_result(sns, settings.ses_bucket.name)

    def setup(self, settings: SesAccount, url: str) -> str | None:
        """Return the subscription to set up at Amazon SNS."""
        if not settings.ses_topics:
            return None
        return f"Amazon SNS: subscribe {url} to {', '.join(settings.ses_topics)}"

    def secret(self, settings: Settings, value: str) -> Settings:
        """Return the settings with one topic allowed."""
        return msgspec.structs.replace(settings, ses_topics=(value,))

    async def _verify(self, sns: _Sns, context: WebhookContext) -> None:
        """Raise Rejected unless Amazon signed the message, within WINDOW."""
        url = _require_sns_url(sns.signing_cert_url, "SigningCertURL")
        if not url.endswith(".pem"):
            raise Rejected("signature.wrong", "SigningCertURL names no certificate")
        if url not in self._certificates:
            if len(self._certificates) >= _MAX_CERTIFICATES:
                self._certificates.clear()
            self._certificates[url] = await context.fetch(url)
        try:
            key = x509.load_pem_x509_certificate(self._certificates[url]).public_key()
            signature = base64.b64decode(sns.signature, validate=True)
        except (ValueError, binascii.Error) as error:
            raise Rejected("signature.wrong", f"can't be read: {error}") from error
        digest = hashes.SHA256() if sns.signature_version == "2" else hashes.SHA1()  # noqa: S303 - SNS version 1
        if not isinstance(key, rsa.RSAPublicKey):
            raise Rejected("signature.wrong", "the certificate has no RSA key")
        try:
            key.verify(signature, _signed_text(sns), padding.PKCS1v15(), digest)
        except InvalidSignature:
            raise Rejected("signature.wrong", "not signed by Amazon SNS") from None
        try:
            published_at = datetime.fromisoformat(sns.timestamp).astimezone(UTC)
        except ValueError:
            raise Rejected("signature.stale", "no Timestamp") from None
        if abs(context.now - published_at) > WINDOW:
            raise Rejected("signature.stale", f"published {sns.timestamp}")


def _signed_text(sns: _Sns) -> bytes:
    names = _NOTIFICATION_FIELDS if sns.type == "Notification" else _CONFIRMATION_FIELDS
    values = {
        "Message": sns.message,
        "MessageId": sns.message_id,
        "Subject": sns.subject,
        "Timestamp": sns.timestamp,
        "TopicArn": sns.topic_arn,
        "Type": sns.type,
        "Token": sns.token,
        "SubscribeURL": sns.subscribe_url,
    }
    return "".join(f"{n}\n{values[n]}\n" for n in names if values[n] is not None).encode()


def _require_sns_url(url: str, name: str) -> str:
    if not _SNS_URL.fullmatch(url):
        raise Rejected("signature.wrong", f"{name} is not Amazon's")
    return url


def _mail_result(sns: _Sns, bucket: str) -> WebhookResult:
    if sns.message.startswith("Successfully validated SNS topic"):
        return WebhookResult(ignored=("validated",))
    notice = envelope.decode_body(_Notice, sns.message.encode())
    kind = notice.notification_type or notice.event_type
    if kind in _REPORTS:
        return WebhookResult(deliveries=(_report(sns),))
    if kind != "Received":
        return WebhookResult(ignored=(kind[:40] or "unknown",))
    to = notice.receipt.recipients[0] if notice.receipt.recipients else ""
    action = notice.receipt.action
    if not notice.content and action.object_key:
        if action.bucket_name != bucket:
            problem = (
                f"{action.bucket_name[:100]!r} is not `ses_bucket` of [channels.email.ACCOUNT]"
            )
            raise Retry(SETUP_PROBLEM_S, f"the mail is in a bucket: {problem}")
        reference = InBucket(key=action.object_key, sender=notice.mail.source, to=to)
        return WebhookResult(deliveries=(msgspec.json.encode(reference),), by_reference=True)
    if not notice.content:
        raise Retry(
            SETUP_PROBLEM_S, "no content: use the receipt rule's action SNS (Base64), or S3"
        )
    if notice.receipt.action.encoding.upper() == "BASE64":
        try:
            raw = base64.b64decode(notice.content)
        except (ValueError, binascii.Error) as error:
            raise Rejected("json.invalid", f"content is not base64: {error}") from error
    else:
        raw = notice.content.encode("utf-8", "surrogateescape")
    return WebhookResult(deliveries=(with_envelope(raw, notice.mail.source, to),))


def _report(sns: _Sns) -> bytes:
    """Return a report as the mail that SNS would send to a subscriber by mail."""
    identifier = re.sub(r"[^\w.-]", "", sns.message_id)[:100]
    head = (
        "Return-Path: <>\r\nFrom: Amazon SES <no-reply@sns.amazonaws.com>\r\n"
        f"Subject: Amazon SES notification\r\nX-Amz-SNS-Message-Id: {identifier}\r\n"
        f"Message-ID: <{identifier}@sns.amazonaws.com>\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + base64.encodebytes(sns.message.encode("utf-8", "replace"))
