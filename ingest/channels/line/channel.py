"""The LINE channel, by the webhook of an official account.

LINE calls /v1/hooks/line/ACCOUNT. Redelivery is off by default, so the spool keeps the deliveries
while Kafka is away.
Source: developers.line.biz, Messaging API reference.
"""

import base64
import hmac
import re
from hashlib import sha256
from typing import Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.channels.line.account import Account
from ingest.channels.line.events import select_events
from ingest.channels.line.parser import parse_event
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    require_header,
    require_secret,
)
from schemas.errors import Rejected

_SIGNATURE_HEADER = "x-line-signature"
_MESSAGE_ID = re.compile(r"\d{1,40}")


class Line:
    """The channel of LINE official accounts."""

    name = "line"
    channel = "line"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = False
    max_body = 2 * MIB
    account = Account
    takes = "texts, pictures, videos, sound, files, stickers, locations, button taps, withdrawals"
    ignores = "follows, joins, beacons, read receipts and every other event"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return the header of the signature; raise Rejected without a configured secret."""
        _channel_secret(settings)
        return (_SIGNATURE_HEADER,)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the messages of a call."""
        secret = _channel_secret(settings)
        signature = require_header(request, _SIGNATURE_HEADER)
        expected = base64.b64encode(hmac.new(secret.encode(), request.body, sha256).digest())
        if not hmac.compare_digest(signature.strip().encode("utf-8", "replace"), expected):
            raise Rejected("signature.wrong", f"{_SIGNATURE_HEADER} is not of these bytes")
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the messages in a body, and the reasons to ignore the rest."""
        return select_events(body)

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one archived event."""
        return parse_event(delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file, from LINE with the account's token or from its own address."""
        if ref.startswith("https://"):
            return await web.get(ref)
        if not settings.token or not _MESSAGE_ID.fullmatch(ref):
            raise Rejected("media.refused", "set `token` in [channels.line.ACCOUNT]")
        secret = {"authorization": f"Bearer {settings.token}"}
        url = f"{settings.api}/v2/bot/message/{ref}/content"
        return await web.get(url, own=settings.api, secret=secret)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the webhook, None without a secret."""
        if not settings.channel_secret:
            return None
        return f"LINE: console, Messaging API: webhook URL {url}, use webhook, redelivery on"

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the channel secret."""
        return msgspec.structs.replace(settings, channel_secret=value)


def _channel_secret(settings: Account) -> str:
    return require_secret(settings.channel_secret, "channel_secret", "[channels.line.ACCOUNT]")
