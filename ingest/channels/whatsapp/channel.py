"""The WhatsApp channel, by the webhook of Meta's Cloud API and its Graph API for files.

Meta calls /v1/hooks/whatsapp/ACCOUNT.
Source: developers.facebook.com, WhatsApp Cloud API.
"""

import re
from typing import Literal

import msgspec

from ingest.channel import Context, Delivery, HintKind, MediaClient, Parsed
from ingest.channels.whatsapp import wire
from ingest.channels.whatsapp.account import Account
from ingest.channels.whatsapp.changes import select_messages
from ingest.channels.whatsapp.parser import parse_message
from ingest.parsing.json_values import decode_json
from ingest.vendors import meta_webhook
from ingest.webhook import MIB, WebhookResult
from schemas.errors import Rejected


class Whatsapp(meta_webhook.MetaWebhook[Account]):
    """The channel of WhatsApp Business apps."""

    name = "whatsapp"
    channel = "whatsapp"
    way: Literal["push", "pull"] = "push"
    hint_kind: HintKind = "none"
    patient = True
    max_body = 4 * MIB
    account = Account
    takes = (
        "texts, captions, files, voice, buttons and lists, locations, contacts, orders, edits, "
        "deletions, reactions"
    )
    ignores = "statuses (sent, delivered, read, failed), echoes, history, calls, system notices"

    def take(self, body: bytes) -> WebhookResult:
        """Return the messages in a body; raise Rejected for a body of another product."""
        entries, faulty = meta_webhook.read_entries(body, "whatsapp_business_account")
        deliveries: list[bytes] = list(faulty)
        ignored: list[str] = []
        for entry in entries:
            changes, faulty = meta_webhook.read_changes(entry)
            deliveries += faulty
            for change in changes:
                result = select_messages(change)
                deliveries += result.deliveries
                ignored += result.ignored
        return WebhookResult(deliveries=tuple(deliveries), ignored=tuple(ignored))

    def parse(self, delivery: Delivery, context: Context[Account]) -> Parsed:
        """Return the Message of one archived message."""
        return parse_message(delivery, context)

    async def fetch(self, ref: str, settings: Account, web: MediaClient) -> bytes:
        """Return a file, after the Graph API names its address; both calls send the token."""
        if not settings.token:
            raise Rejected("media.refused", "set `token` in [channels.whatsapp.ACCOUNT]")
        if not re.fullmatch(r"[\w-]{1,200}", ref):
            raise Rejected("media.refused", "the reference is not a media id")
        secret = {"authorization": f"Bearer {settings.token}"}
        response = await web.get(f"{settings.api}/{ref}", own=settings.api, secret=secret)
        media = decode_json(wire.MediaUrl, response)
        return await web.get(media.url, own=settings.api, secret=secret, hosts=meta_webhook.HOSTS)

    def setup(self, settings: Account, url: str) -> str | None:
        """Return the line that sets up the webhook, None without a secret."""
        if not settings.app_secret:
            return None
        return (
            f"Meta: app dashboard, WhatsApp, Configuration: callback URL {url}, the verify token "
            "as in `verify_token`, field `messages`"
        )

    def secret(self, settings: Account, value: str) -> Account:
        """Return the settings with the app's secret."""
        return msgspec.structs.replace(settings, app_secret=value)
