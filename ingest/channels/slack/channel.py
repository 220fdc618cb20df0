"""The Slack channel, by the webhook of the Events API.

Slack calls /v1/hooks/slack/ACCOUNT. It waits three seconds for an answer and repeats a call for an
hour, so the spool keeps the deliveries while Kafka is away.
Source: docs.slack.dev, Events API, verifying requests.
"""

from datetime import timedelta
from typing import Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.channels.slack.account import Account
from ingest.channels.slack.events import select_event
from ingest.channels.slack.files import fetch_file
from ingest.channels.slack.parser import parse_event
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResponse,
    WebhookResult,
    check_timestamp,
    hmac_matches,
    require_secret,
)
from schemas.errors import Rejected

_SIGNATURE_WINDOW = timedelta(minutes=5)  # Slack's own advice against replayed calls


class Slack:
    """The channel of Slack apps."""

    name = "slack"
    channel = "slack"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = False
    max_body = MIB
    account = Account
    takes = "messages of people with files, edits, deletions, reactions"
    ignores = "messages of bots and our own, joins, topics, unfurled links, commands and buttons"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return the header of the signature; raise Rejected without a configured secret."""
        _signing_secret(settings)
        return ("x-slack-signature",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the event of a call, or the answer to Slack's challenge."""
        secret = _signing_secret(settings)
        time = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        if not time or not signature:
            raise Rejected("signature.missing", "no X-Slack-Signature with its time")
        version, _, digest = signature.partition("=")
        pieces = (b"v0:", time.encode("utf-8", "replace"), b":", request.body)
        if version != "v0" or not hmac_matches(secret, digest, *pieces):
            raise Rejected("signature.wrong", "X-Slack-Signature is not of these bytes")
        check_timestamp(time, context.now, _SIGNATURE_WINDOW, "X-Slack-Request-Timestamp")
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return WebhookResult(ignored=("command",), response=WebhookResponse(body=b""))
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the event in a body, or the reason to ignore it."""
        return select_event(body)

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one archived event."""
        return parse_event(delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file."""
        return await fetch_file(ref, settings, web)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the events, None without a secret."""
        if not settings.signing_secret:
            return None
        return (
            f"Slack: app settings, Event Subscriptions: request URL {url}, events "
            "message.channels, message.groups, message.im, message.mpim"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the signing secret."""
        return msgspec.structs.replace(settings, signing_secret=value)


def _signing_secret(settings: Account) -> str:
    return require_secret(settings.signing_secret, "signing_secret", "[channels.slack.ACCOUNT]")
