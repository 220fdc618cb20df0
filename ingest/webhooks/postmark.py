"""Postmark's inbound stream, with "Include raw email content" switched on.

Postmark does not sign calls. User and password are in the webhook's URL and arrive as Basic
authentication. It retries for 10 hours on every status but 200 and 403.
Source: postmarkapp.com/developer, inbound.
"""

import base64
import binascii
import hmac
from typing import Protocol

import msgspec

from ingest.channel import AccountSettings
from ingest.parsing.mail.smtp_envelope import with_envelope
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


class _InboundMessage(Record, frozen=True, kw_only=True, rename="pascal"):
    record_type: str = "Inbound"
    raw_email: str = ""
    original_recipient: str = ""
    headers: tuple[dict[str, object], ...] = ()


class PostmarkAccount(AccountSettings, Protocol):
    """The settings of Postmark's calls in an email account."""

    @property
    def postmark_password(self) -> str:
        """The password in the webhook's URL."""
        ...


class Postmark:
    """Postmark's inbound stream."""

    name = "postmark"
    channel = "email"
    patient = True
    max_body = 64 * MIB

    def proof_headers(self, settings: PostmarkAccount) -> tuple[str, ...]:
        """Return the header with the Basic authentication."""
        require_secret(settings.postmark_password, "postmark_password", "[channels.email.ACCOUNT]")
        return ("authorization",)

    async def receive(
        self, request: WebhookRequest, settings: PostmarkAccount, context: WebhookContext
    ) -> WebhookResult:
        """Return the raw mail of an inbound call."""
        wanted = require_secret(
            settings.postmark_password, "postmark_password", "[channels.email.ACCOUNT]"
        )
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            raise Rejected("signature.missing", "put user:password@ into the hook's URL")
        try:
            password = base64.b64decode(credentials, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            raise Rejected("signature.wrong", "the Basic credentials are not base64") from None
        if not hmac.compare_digest(password, wanted.encode()):
            raise Rejected("signature.wrong", "the hook's URL has another password")
        context.report_proven()
        message = envelope.decode_body(_InboundMessage, request.body)
        if message.record_type != "Inbound":
            return WebhookResult(ignored=(message.record_type[:40],))
        if not message.raw_email:
            raise Retry(
                SETUP_PROBLEM_S,
                'no RawEmail: switch on "Include raw email content in JSON payload"',
            )
        raw = message.raw_email.encode("utf-8", "surrogateescape")
        return WebhookResult(
            deliveries=(with_envelope(raw, _sender(message), message.original_recipient),)
        )

    def setup(self, settings: PostmarkAccount, url: str) -> str | None:
        """Return the webhook to set up at Postmark."""
        if not settings.postmark_password:
            return None
        with_password = url.replace("://", "://santral:PASSWORD@")
        return f"Postmark: inbound webhook {with_password}, raw email content on"

    def secret(self, settings: Settings, value: str) -> Settings:
        """Return the settings with the password."""
        return msgspec.structs.replace(settings, postmark_password=value)


def _sender(message: _InboundMessage) -> str | None:
    """Return the sender of the envelope, which Postmark writes only in Received-SPF."""
    for header in message.headers:
        if str(header.get("Name", "")).lower() == "received-spf":
            sender = str(header.get("Value", "")).partition("envelope-from=")[2]
            return sender.partition(";")[0].strip(' "<>') if sender else None
    return None
