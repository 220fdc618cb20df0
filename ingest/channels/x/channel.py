"""The X channel takes posts that mention, answer or quote the account, by webhook or by stream.

X calls /v1/hooks/x/ACCOUNT, or source.py reads the filtered stream.
Source: docs.x.com, webhooks and challenge-response checks.
"""

import base64
import hmac
import re
from hashlib import sha256
from typing import Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.channels.x.account import Account
from ingest.channels.x.parser import parse_post
from ingest.channels.x.posts import POST_EVENTS, select_post
from ingest.channels.x.source import FilteredStream
from ingest.source import Source, SourceContext
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResponse,
    WebhookResult,
    require_header,
    require_secret,
)
from schemas.errors import Rejected

_PROOF_HEADER = "x-twitter-webhooks-signature"

# X signs its challenge's answer and its calls with one key and one algorithm. Anybody can have a
# challenge signed, so that it must never be a valid body: no JSON object has only these characters.
_CHALLENGE = re.compile(r"[A-Za-z0-9_=-]{1,200}")


class X:
    """The channel of posts on X."""

    name = "x"
    channel = "x"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "conversation"
    patient = False
    max_body = 2 * MIB
    account = Account
    takes = "posts that mention, answer or quote the account, their edits and deletions"
    ignores = "reposts, likes, follows, our own posts, every other event"

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return the header of the signature; raise Rejected without a configured secret."""
        require_secret(settings.consumer_secret, "consumer_secret", "[channels.x.ACCOUNT]")
        return (_PROOF_HEADER,)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the post of a call, or the answer to X's challenge."""
        secret = require_secret(
            settings.consumer_secret, "consumer_secret", "[channels.x.ACCOUNT]"
        ).encode()
        if request.method == "GET":
            return _answer_challenge(request.query.get("crc_token", ""), secret)
        signature = require_header(request, _PROOF_HEADER)
        if not request.body.startswith(b"{"):
            raise Rejected("json.malformed", "the body is not a JSON object")
        expected = _sign(secret, request.body).encode()
        if not hmac.compare_digest(signature.strip().encode("utf-8", "replace"), expected):
            raise Rejected("signature.wrong", f"{_PROOF_HEADER} is not of these bytes")
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the post in a body, or the reason to ignore it."""
        return select_post(body)

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one archived post."""
        return parse_post(delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a picture from its public address."""
        return await web.get(ref, own=settings.api)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the webhook, None for an app that reads the stream."""
        if not settings.consumer_secret or settings.stream:
            return None
        return (
            f"X: POST /2/webhooks with url {url}, then subscriptions for {', '.join(POST_EVENTS)}"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the consumer secret."""
        return msgspec.structs.replace(settings, consumer_secret=value)

    def pulls(self, settings: Account) -> bool:
        """Return whether Santral reads the filtered stream."""
        return bool(settings.stream and settings.bearer)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the filtered stream of one app."""
        return FilteredStream(account, settings, context)


def _answer_challenge(token: str, secret: bytes) -> WebhookResult:
    if not _CHALLENGE.fullmatch(token):
        raise Rejected("form.malformed", "crc_token is not one of X's challenges")
    body = msgspec.json.encode({"response_token": _sign(secret, token.encode())})
    response = WebhookResponse(body=body, content_type="application/json")
    return WebhookResult(ignored=("handshake",), response=response)


def _sign(secret: bytes, data: bytes) -> str:
    digest = hmac.new(secret, data, sha256).digest()
    return f"sha256={base64.b64encode(digest).decode()}"
