"""Transcripts by a vendor's callback, which the phone channel reads.

Deepgram, AssemblyAI and the vCon conserver do not sign, so a header with a secret of ours proves
them; Deepgram sends the identifier of its key as `dg-token`. Twilio signs. The answer waits until
the transcript, or its notice, is safe. AssemblyAI ends its tries on 4xx. Source:
developers.deepgram.com, assemblyai.com/docs, twilio.com/docs, about callbacks and their security.
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

_SECRET_HEADERS = ("dg-token", "authorization", "x-webhook-secret")


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
    """The callbacks of recognisers."""

    name = "calls"
    channel = "phone"
    patient = True
    max_body = 32 * MIB

    def proof_headers(self, settings: CallsAccount) -> tuple[str, ...]:
        """Return the headers with the signature or the secret."""
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
            return _result_of(request)
        secret = require_secret(settings.secret, "secret", "[channels.phone.ACCOUNT]").encode()
        names = self._names(settings)
        values = [request.headers[n] for n in names if request.headers.get(n)]
        if not values:
            raise Rejected("signature.missing", f"no header {' or '.join(names)}")
        for value in values:
            bare = value.removeprefix("Bearer ").strip().encode("utf-8", "replace")
            if hmac.compare_digest(bare, secret):
                context.report_proven()
                return _result_of(request)
        raise Rejected("signature.wrong", "the header holds another secret")

    def _names(self, settings: CallsAccount) -> tuple[str, ...]:
        return (settings.secret_header.lower(),) if settings.secret_header else _SECRET_HEADERS

    def setup(self, settings: CallsAccount, url: str) -> str | None:
        """Return the callbacks to set up at the vendors."""
        lines = []
        if settings.secret:
            header = settings.secret_header or "X-Webhook-Secret"
            lines.append(f"transcripts: callback URL {url}, header {header} with `secret`")
        if settings.twilio.auth_token:
            lines.append(
                f"Twilio: Voice Intelligence service, webhook {settings.twilio.url or url}"
            )
        return "; ".join(lines) or None

    def secret(self, settings: Settings, value: str) -> Settings:
        """Return the settings with the secret."""
        return msgspec.structs.replace(settings, secret=value)


def _result_of(request: WebhookRequest) -> WebhookResult:
    return (
        WebhookResult(deliveries=(request.body,))
        if request.body
        else WebhookResult(ignored=("empty",))
    )
