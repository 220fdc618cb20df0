"""SendGrid's Inbound Parse with `send_raw` and a signature policy.

The signature is ECDSA P-256 over the time and the raw body. SendGrid retries for three days on 5xx,
and drops a mail on 4xx. Source: twilio.com/docs/sendgrid, inbound parse and securing your parse
webhooks.
"""

import base64
import binascii
from datetime import timedelta
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ingest.channel import AccountSettings
from ingest.parsing.mail.smtp_envelope import with_envelope
from ingest.vendors.form_data import first_text, read_fields
from ingest.webhook import (
    MIB,
    Settings,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    check_timestamp,
    require_secret,
)
from schemas.base import Record
from schemas.delays import SETUP_PROBLEM_S
from schemas.errors import Rejected, Retry

WINDOW = timedelta(days=3, hours=1)
"""A retry three days later may have the signature of the first try."""

_SIGNATURE = "x-twilio-email-event-webhook-signature"
_TIMESTAMP = "x-twilio-email-event-webhook-timestamp"


class _Envelope(Record, frozen=True):
    to: tuple[str, ...] = ()
    from_: str | None = msgspec.field(default=None, name="from")


class SendgridAccount(AccountSettings, Protocol):
    """The settings of SendGrid's calls in an email account."""

    @property
    def sendgrid_key(self) -> str:
        """The public key of the signature policy, in base64."""
        ...


class Sendgrid:
    """SendGrid's Inbound Parse."""

    name = "sendgrid"
    channel = "email"
    patient = True
    max_body = 40 * MIB

    def proof_headers(self, settings: SendgridAccount) -> tuple[str, ...]:
        """Return the header with the signature."""
        require_secret(settings.sendgrid_key, "sendgrid_key", "[channels.email.ACCOUNT]")
        return (_SIGNATURE,)

    async def receive(
        self, request: WebhookRequest, settings: SendgridAccount, context: WebhookContext
    ) -> WebhookResult:
        """Return the raw mail of a parse call."""
        key = require_secret(settings.sendgrid_key, "sendgrid_key", "[channels.email.ACCOUNT]")
        signature, stamp = request.headers.get(_SIGNATURE, ""), request.headers.get(_TIMESTAMP, "")
        if not signature or not stamp:
            raise Rejected("signature.missing", "attach a signature policy to the parse setting")
        _verify(key, signature, stamp.encode() + request.body)
        check_timestamp(stamp, context.now, WINDOW, "timestamp")
        context.report_proven()
        form = read_fields(request)
        raw = form.get("email", [b""])[0]
        if not raw:
            raise Retry(
                SETUP_PROBLEM_S, 'no field `email`: switch on "POST the raw, full MIME message"'
            )
        try:
            envelope = msgspec.json.decode(first_text(form, "envelope") or "{}", type=_Envelope)
        except msgspec.DecodeError:
            envelope = _Envelope()
        to = envelope.to[0] if envelope.to else ""
        return WebhookResult(deliveries=(with_envelope(raw, envelope.from_, to),))

    def setup(self, settings: SendgridAccount, url: str) -> str | None:
        """Return the parse setting to set up at SendGrid."""
        if not settings.sendgrid_key:
            return None
        return f"SendGrid: Inbound Parse to {url}, raw MIME on, signature policy attached"

    def secret(self, settings: Settings, value: str) -> Settings:
        """Return the settings with the policy's public key."""
        return msgspec.structs.replace(settings, sendgrid_key=value)


def _verify(key: str, encoded_signature: str, signed: bytes) -> None:
    try:
        public = load_der_public_key(base64.b64decode(key))
        signature = base64.b64decode(encoded_signature, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Rejected("signature.wrong", f"key or signature can't be read: {error}") from error
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise Rejected(
            "signature.unset", "sendgrid_key must be the EC public key of the signature policy"
        )
    try:
        public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise Rejected("signature.wrong", "not signed by the policy's key") from None
