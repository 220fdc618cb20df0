"""The Telegram channel, by webhook or by long polling, whichever the account selects.

Telegram calls /v1/hooks/telegram/ACCOUNT, or source.py polls it.
Source: core.telegram.org/bots/api.
"""

import hmac
import re
from typing import Literal
from urllib.parse import quote

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.channels.telegram import wire
from ingest.channels.telegram.account import Account
from ingest.channels.telegram.parser import parse_update
from ingest.channels.telegram.source import UpdatesSource
from ingest.channels.telegram.updates import MESSAGE_UPDATES, select_update
from ingest.parsing.json_values import decode_json
from ingest.source import Source, SourceContext
from ingest.webhook import (
    MIB,
    WebhookContext,
    WebhookRequest,
    WebhookResult,
    require_header,
    require_secret,
)
from schemas.errors import Rejected

_PROOF_HEADER = "X-Telegram-Bot-Api-Secret-Token"
_TOKEN = re.compile(r"^\d+:[\w-]{10,}$")


class Telegram:
    """The channel of Telegram bots."""

    name = "telegram"
    channel = "telegram"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = MIB
    account = Account
    takes = (
        "texts, captions, files, contacts, locations, button taps, edits, and business chats with "
        "their deletions"
    )
    ignores = (
        "messages of bots, joins and other notices, reactions, polls, channel posts, membership"
    )

    def proof_headers(self, settings: Account) -> tuple[str, ...]:
        """Return the header of the secret; raise Rejected without a configured secret."""
        require_secret(settings.secret_token, "secret_token", "[channels.telegram.ACCOUNT]")
        return (_PROOF_HEADER.lower(),)

    async def receive(
        self, request: WebhookRequest, settings: Account, context: WebhookContext
    ) -> WebhookResult:
        """Return the updates of a call, which carries the secret itself as its proof."""
        secret = require_secret(
            settings.secret_token, "secret_token", "[channels.telegram.ACCOUNT]"
        )
        token = require_header(request, _PROOF_HEADER)
        if not hmac.compare_digest(token.encode("utf-8", "replace"), secret.encode()):
            raise Rejected("signature.wrong", f"{_PROOF_HEADER} is another")
        context.report_proven()
        return self.take(request.body)

    def take(self, body: bytes) -> WebhookResult:
        """Return the update in a body, or the reason to ignore it."""
        return select_update(body)

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one update."""
        return parse_update(delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file, after getFile names its path; both addresses contain the bot's token."""
        if not _TOKEN.match(settings.token):
            raise Rejected("media.refused", "set `token` in [channels.telegram.ACCOUNT]")
        bot = f"bot{settings.token}"
        response = await web.get(
            f"{settings.api}/{bot}/getFile?file_id={quote(ref, safe='')}", own=settings.api
        )
        path = decode_json(wire.FileResponse, response).result.file_path
        if not path or ".." in path:
            raise Rejected("media.gone", "Telegram names no path")
        return await web.get(f"{settings.api}/file/{bot}/{quote(path)}", own=settings.api)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the webhook, None for a bot that is polled."""
        if settings.poll or not settings.secret_token:
            return None
        return (
            f"Telegram: setWebhook with url {url}, secret_token as in `secret_token`, "
            f"allowed_updates {', '.join(MESSAGE_UPDATES)}; or set `poll = true` instead"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the webhook's secret."""
        return msgspec.structs.replace(settings, secret_token=value)

    def pulls(self, settings: Account) -> bool:
        """Return whether Santral polls the bot."""
        return bool(settings.poll and settings.token)

    def source(self, account: str, settings: Account, context: SourceContext) -> Source:
        """Return the source of one bot's updates."""
        return UpdatesSource(account, settings, context)
