"""CHANNELS and WEBHOOKS have every channel and every webhook by name.

A new one needs its file, its test and an instance in one of the tuples, whose texts say which.
"""

from collections.abc import Mapping

from ingest.channel import AccountSettings, AnyChannel
from ingest.channels.api import Api
from ingest.channels.app_store import AppStore
from ingest.channels.bluesky import Bluesky
from ingest.channels.chat import Chat
from ingest.channels.complaint import Complaint
from ingest.channels.discourse import Discourse
from ingest.channels.email import Email
from ingest.channels.form import Form
from ingest.channels.google_business import GoogleBusiness
from ingest.channels.google_play import GooglePlay
from ingest.channels.hepsiburada import Hepsiburada
from ingest.channels.instagram import Instagram
from ingest.channels.line import Line
from ingest.channels.mastodon import Mastodon
from ingest.channels.messenger import Messenger
from ingest.channels.phone import Phone
from ingest.channels.reddit import Reddit
from ingest.channels.sikayetvar import Sikayetvar
from ingest.channels.slack import Slack
from ingest.channels.teams import Teams
from ingest.channels.telegram import Telegram
from ingest.channels.trendyol import Trendyol
from ingest.channels.trustpilot import Trustpilot
from ingest.channels.twilio import Twilio
from ingest.channels.viber import Viber
from ingest.channels.whatsapp import Whatsapp
from ingest.channels.x import X
from ingest.channels.youtube import Youtube
from ingest.webhook import AnyWebhook
from ingest.webhooks.calls import Calls
from ingest.webhooks.mailgun import Mailgun
from ingest.webhooks.postmark import Postmark
from ingest.webhooks.sendgrid import Sendgrid
from ingest.webhooks.ses import Ses

_OWN = (Email(), Chat(), Api(), Form(), Phone())
"""Channels without a vendor of their own: our doors serve them, and two of them have sources."""

_WITH_WEBHOOK = (
    Whatsapp(),
    Telegram(),
    Messenger(),
    Instagram(),
    Slack(),
    Teams(),
    Viber(),
    Line(),
    Twilio(),
    X(),
    Discourse(),
    Complaint(),
)
"""Channels whose class is their vendor's webhook, too; some also have a source."""

_SOURCES_ONLY = (
    Bluesky(),
    Mastodon(),
    GooglePlay(),
    AppStore(),
    Sikayetvar(),
    Trendyol(),
    Hepsiburada(),
    GoogleBusiness(),
    Trustpilot(),
    Youtube(),
    Reddit(),
)
"""Channels whose vendor never calls us."""

_FOR_OTHER_CHANNELS = (Ses(), Mailgun(), Postmark(), Sendgrid(), Calls())
"""Webhooks whose deliveries a channel of `_OWN` parses."""

CHANNELS: dict[str, AnyChannel] = {
    channel.name: channel for channel in (*_OWN, *_WITH_WEBHOOK, *_SOURCES_ONLY)
}
"""Every channel by its name."""

WEBHOOKS: dict[str, AnyWebhook] = {
    webhook.name: webhook for webhook in (*_FOR_OTHER_CHANNELS, *_WITH_WEBHOOK)
}
"""Every webhook by its name under /v1/hooks/, where it checks its vendor's proof."""

BEARER: dict[str, str] = {"mail": "email", "email": "email", "api": "api", "phone": "phone"}
"""Names under /v1/hooks/ that take a channel's own form with our access token."""

ALIASES: dict[str, str] = {
    "facebook": "messenger",
    "sms": "twilio",
    "call": "phone",
    "transcript": "phone",
    "vcon": "phone",
    "webvtt": "phone",
    "srt": "phone",
}
"""Other names of channels and webhooks, which `santral parse` takes too."""


def channel_of(name: str) -> str | None:
    """Return the channel whose parser a name under /v1/hooks/ uses, or a channel's own name."""
    name = ALIASES.get(name, name)
    if name in WEBHOOKS:
        return WEBHOOKS[name].channel
    return BEARER.get(name) or (name if name in CHANNELS else None)


def setups(accounts: Mapping[str, Mapping[str, AccountSettings]], door: str) -> list[str]:
    """Return a line for everything that a person sets up at a vendor, with our addresses."""
    lines = []
    for webhook in WEBHOOKS.values():
        for name, settings in accounts[webhook.channel].items():
            setup = webhook.setup(settings, f"{door}/v1/hooks/{webhook.name}/{name}")
            if setup:
                lines.append(f"{webhook.channel}.{name}: {setup}")
    return lines


def sections() -> dict[str, type]:
    """Return the settings table of each channel, by its path."""
    return {f"channels.{name}": channel.account for name, channel in CHANNELS.items()}
