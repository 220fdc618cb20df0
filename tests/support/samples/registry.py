"""SAMPLES has the payload of each channel and webhook, with the account that takes it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from ingest.channel import AccountSettings, AnyChannel, Context, Delivery, Parsed
from ingest.registry import CHANNELS, WEBHOOKS, channel_of
from ingest.webhook import BodyParser, WebhookContext, WebhookRequest, WebhookResult
from tests.support.json_body import JsonBody

FOLDER = Path(__file__).parent
SECRET_WORD = "gizli-soz-4711"
"""A word of the customer in every payload, which no program of ours writes."""
WORDS = f"{SECRET_WORD} faturam yanlış"
SAMPLED_AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
"""The time of every payload, at which its signature counts."""


class CallManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The HTTP call of a payload: its headers, and how they prove it.

    `proof` is "body" for a signature over the bytes of the body, "header" for a secret or a token
    in a header, which covers no byte of the body, and "field" for a signature within the body.
    """

    proof: Literal["body", "header", "field"]
    headers: dict[str, str]


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `sample.toml`.

    `file` has the payload, and `native_id` is the vendor's id of its message. `account` is the
    table of the account's settings, and `fetches` names the file of each address that a webhook
    fetches.
    """

    file: str
    native_id: str
    account: dict[str, str | bool | list[str | int]] = {}
    call: CallManifest | None = None
    fetches: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The payload of one channel or webhook."""

    name: str
    payload: bytes
    manifest: Manifest

    @property
    def channel(self) -> AnyChannel:
        """The channel that parses the payload."""
        return CHANNELS[channel_of(self.name) or self.name]

    @property
    def settings(self) -> AccountSettings:
        """The account's settings: a Struct of its channel's own type."""
        settings: AccountSettings = msgspec.convert(self.manifest.account, self.channel.account)
        return settings

    @property
    def document(self) -> JsonBody:
        """The payload's JSON."""
        document: JsonBody = json.loads(self.payload)
        return document

    @property
    def delivery(self) -> bytes:
        """The delivery that the channel parses: the payload, or the first delivery in a call."""
        webhook: object = WEBHOOKS.get(self.name)
        if isinstance(webhook, BodyParser):
            return webhook.take(self.payload).deliveries[0]
        return self.payload

    @property
    def call_manifest(self) -> CallManifest:
        """The table `[call]`, which a webhook's sample has."""
        assert self.manifest.call is not None, f"{self.name}/sample.toml has no table [call]"
        return self.manifest.call

    @property
    def call(self) -> WebhookRequest:
        """The vendor's call."""
        return WebhookRequest(
            method="POST",
            path=f"/v1/hooks/{self.name}/a",
            query={},
            headers=self.call_manifest.headers,
            body=self.payload,
        )

    def parse(self, raw: bytes, account: str = "a") -> Parsed:
        """Return the channel's reading of a delivery; raise Rejected."""
        context = Context(brand="default", settings=self.settings, signing_key=b"k")
        delivery = Delivery(raw=raw, account=account, received_at=SAMPLED_AT)
        return self.channel.parse(delivery, context)

    async def fetch(self, url: str) -> bytes:
        """Return what the vendor serves under an address; no other address may be fetched."""
        return (FOLDER / self.name / self.manifest.fetches[url]).read_bytes()

    async def receive(
        self, call: WebhookRequest, settings: AccountSettings | None = None
    ) -> WebhookResult:
        """Return a new webhook's result of a call; raise Rejected or Retry.

        Each call has a webhook of its own, so that no call proves the next.
        """
        context = WebhookContext(now=SAMPLED_AT, fetch=self.fetch)
        webhook = type(WEBHOOKS[self.name])()
        return await webhook.receive(call, settings or self.settings, context)


def _read_sample(folder: Path) -> Sample:
    manifest = msgspec.toml.decode((folder / "sample.toml").read_bytes(), type=Manifest)
    payload = (folder / manifest.file).read_bytes()
    return Sample(name=folder.name, payload=payload, manifest=manifest)


SAMPLES: Mapping[str, Sample] = {
    path.parent.name: _read_sample(path.parent) for path in sorted(FOLDER.glob("*/sample.toml"))
}
