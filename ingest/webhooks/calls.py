"""Transcripts by a vendor's callback: whatever it sends, or names, is read by the phone channel.

A vendor that signs nothing (Deepgram, AssemblyAI, the vCon conserver) proves itself by a header
with a secret of ours; Deepgram sends its key's identifier as `dg-token`; Twilio signs. The answer
comes only when the transcript, or the notice of it, is safe. Source: developers.deepgram.com
(callbacks), assemblyai.com/docs (webhooks: a 4xx ends its tries), twilio.com/docs (webhooks
security).
"""

import hmac
from typing import Any

import msgspec

from ingest.vendors import twilio_signature
from ingest.webhook import MIB, Call, HookTools, Taken, need
from schemas.errors import Rejected

_LISTED = ("dg-token", "authorization", "x-webhook-secret")


class Calls:
    """The hook."""

    name = "calls"
    channel = "phone"
    patient = True
    max_body = 32 * MIB

    def proof_headers(self, settings: Any) -> tuple[str, ...]:
        """Return where the proof is."""
        if settings.twilio.auth_token and not settings.secret:
            return ("x-twilio-signature",)
        need(settings.secret, "secret", "[channels.phone.ACCOUNT]")
        return ("x-twilio-signature", *self._names(settings))

    async def receive(self, call: Call, settings: Any, tools: HookTools) -> Taken:
        """Return the transcript in a call."""
        if "x-twilio-signature" in call.headers and settings.twilio.auth_token:
            twilio_signature.prove(call, settings.twilio.auth_token, settings.twilio.url)
            tools.proven()
            return _taken(call)
        secret = need(settings.secret, "secret", "[channels.phone.ACCOUNT]").encode()
        names = self._names(settings)
        given = [call.headers[n] for n in names if call.headers.get(n)]
        if not given:
            raise Rejected("signature.missing", f"no header {' or '.join(names)}")
        for told in given:
            bare = told.removeprefix("Bearer ").strip().encode("utf-8", "replace")
            if hmac.compare_digest(bare, secret):
                tools.proven()
                return _taken(call)
        raise Rejected("signature.wrong", "the header holds another secret")

    def _names(self, settings: Any) -> tuple[str, ...]:
        return (settings.secret_header.lower(),) if settings.secret_header else _LISTED

    def setup(self, settings: Any, url: str) -> str | None:
        """Return what to set up."""
        told = []
        if settings.secret:
            header = settings.secret_header or "X-Webhook-Secret"
            told.append(f"transcripts: callback URL {url}, header {header} with `secret`")
        if settings.twilio.auth_token:
            told.append(f"Twilio: Voice Intelligence service, webhook {settings.twilio.url or url}")
        return "; ".join(told) or None

    def secret(self, settings: Any, value: str) -> Any:
        """Return the settings with the secret."""
        return msgspec.structs.replace(settings, secret=value)


def _taken(call: Call) -> Taken:
    return Taken(deliveries=(call.body,)) if call.body else Taken(ignored=("empty",))
