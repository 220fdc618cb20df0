"""Transcripts by a vendor's callback: whatever it sends, or names, is read by the phone channel.

A vendor that signs nothing (Deepgram, AssemblyAI, the vCon conserver) proves itself by a header
with a secret of ours; Deepgram sends its key's identifier as `dg-token`; Twilio signs. The answer
comes only when the transcript, or the notice of it, is safe. Source: developers.deepgram.com
(callbacks), assemblyai.com/docs (webhooks: a 4xx ends its tries), twilio.com/docs (webhooks
security).
"""

import hmac
from typing import Protocol

import msgspec

from ingest.channel import AccountSettings
from ingest.vendors import twilio_signature
from ingest.vendors.transcription_apis import TwilioVoice
from ingest.webhook import (
    MIB,
    Settings,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    require_secret,
)
from schemas.errors import Rejected

_LISTED = ("dg-token", "authorization", "x-webhook-secret")


class CallsAccount(AccountSettings, Protocol):
    """The settings of transcripts' callbacks in a phone account."""

    @property
    def secret(self) -> str:
        """The secret that a vendor's header carries."""
        ...

    @property
    def secret_header(self) -> str:
        """The header of the secret; empty for the usual ones."""
        ...

    @property
    def twilio(self) -> TwilioVoice:
        """The access to Twilio Voice Intelligence."""
        ...


class Calls:
    """The hook."""

    name = "calls"
    channel = "phone"
    patient = True
    max_body = 32 * MIB

    def proof_headers(self, settings: CallsAccount) -> tuple[str, ...]:
        """Return where the proof is."""
        if settings.twilio.auth_token and not settings.secret:
            return ("x-twilio-signature",)
        require_secret(settings.secret, "secret", "[channels.phone.ACCOUNT]")
        return ("x-twilio-signature", *self._names(settings))

    async def receive(
        self, request: WebhookRequest, settings: CallsAccount, context: WebhookContext
    ) -> WebhookResult:
        """Return the transcript in a call."""
        if "x-twilio-signature" in request.headers and settings.twilio.auth_token:
            twilio_signature.prove(request, settings.twilio.auth_token, settings.twilio.url)
            context.report_proven()
            return _taken(request)
        secret = require_secret(settings.secret, "secret", "[channels.phone.ACCOUNT]").encode()
        names = self._names(settings)
        given = [request.headers[n] for n in names if request.headers.get(n)]
        if not given:
            raise Rejected("signature.missing", f"no header {' or '.join(names)}")
        for told in given:
            bare = told.removeprefix("Bearer ").strip().encode("utf-8", "replace")
            if hmac.compare_digest(bare, secret):
                context.report_proven()
                return _taken(request)
        raise Rejected("signature.wrong", "the header holds another secret")

    def _names(self, settings: CallsAccount) -> tuple[str, ...]:
        return (settings.secret_header.lower(),) if settings.secret_header else _LISTED

    def setup(self, settings: CallsAccount, url: str) -> str | None:
        """Return what to set up."""
        told = []
        if settings.secret:
            header = settings.secret_header or "X-Webhook-Secret"
            told.append(f"transcripts: callback URL {url}, header {header} with `secret`")
        if settings.twilio.auth_token:
            told.append(f"Twilio: Voice Intelligence service, webhook {settings.twilio.url or url}")
        return "; ".join(told) or None

    def secret(self, settings: Settings, value: str) -> Settings:
        """Return the settings with the secret."""
        return msgspec.structs.replace(settings, secret=value)


def _taken(request: WebhookRequest) -> WebhookResult:
    return (
        WebhookResult(deliveries=(request.body,))
        if request.body
        else WebhookResult(ignored=("empty",))
    )
