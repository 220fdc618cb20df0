"""The Teams channel, by the Bot Framework's webhook.

Microsoft calls /v1/hooks/teams/ACCOUNT. It signs a token and not the body. The token names the
service that takes the answers, and the body must name the same one.
Source: learn.microsoft.com, Bot Connector authentication; activity schema.
"""

from typing import Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.channels.teams import wire
from ingest.channels.teams.account import Account
from ingest.channels.teams.files import fetch_file
from ingest.channels.teams.parser import parse_activity
from ingest.channels.teams.proof import SigningKeys, check_token, key_id_of
from ingest.parsing.json_values import decode_json
from ingest.webhook import MIB, WebhookContext, WebhookRequest, WebhookResult, require_secret
from schemas.errors import Rejected

_MESSAGE_TYPES = ("message", "messageUpdate", "messageDelete", "messageReaction")
_OTHER_TYPES = frozenset(
    {
        "conversationUpdate",
        "installationUpdate",
        "typing",
        "event",
        "invoke",
        "endOfConversation",
        "contactRelationUpdate",
        "trace",
        "handoff",
    }
)


class Teams:
    """The channel of Teams bots."""

    name = "teams"
    channel = "teams"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = False
    max_body = MIB
    account = Account
    takes = "messages of people with files, submitted cards, edits, deletions, reactions"
    ignores = "joins, installations, typing, invokes"

    def __init__(self) -> None:
        self._keys = SigningKeys()

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return the header of the token; raise Rejected without a configured app id."""
        _app_id(settings)
        return ("authorization",)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the activity of a call."""
        app_id = _app_id(settings)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Rejected("signature.missing", "no Authorization: Bearer")
        activity = decode_json(wire.Activity, request.body)
        key = await self._keys.find(key_id_of(token), context)
        claims = check_token(token, key, app_id, context.now)
        service = (claims.serviceurl or "").rstrip("/")
        if not service or service != activity.service_url.rstrip("/"):
            raise Rejected("signature.wrong", "serviceUrl is not the token's")
        if key.endorsements and activity.channel_id not in key.endorsements:
            raise Rejected("signature.wrong", "the key does not endorse this channel")
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the activity in a body, or the reason to ignore it."""
        kind = decode_json(wire.Activity, body).type
        if kind in _MESSAGE_TYPES:
            return WebhookResult(deliveries=(body,))
        if not kind:
            raise Rejected("json.invalid", "not an activity: `type` is missing")
        return WebhookResult(ignored=(kind if kind in _OTHER_TYPES else "other_kind",))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one activity."""
        return parse_activity(delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file."""
        return await fetch_file(ref, settings, web)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the bot, None without an app id."""
        if not settings.app_id:
            return None
        return (
            f"Teams: Azure portal, bot {settings.app_id}, Configuration: messaging endpoint {url}"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the app's id, because Microsoft's own keys sign the token."""
        return msgspec.structs.replace(settings, app_id=value)


def _app_id(settings: Account) -> str:
    return require_secret(settings.app_id, "app_id", "[channels.teams.ACCOUNT]")
