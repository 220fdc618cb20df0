"""CHANNELS: one row each. Adding a channel is its file, its test and a row here."""

from ingest.channel import Channel
from ingest.channels.api import Api
from ingest.channels.chat import Chat
from ingest.channels.email import Email

CHANNELS: dict[str, Channel] = {c.name: c for c in (Email(), Chat(), Api())}

HOOKS: dict[str, str] = {"mail": "email"}
"""Names under /v1/hooks/ and the channel whose parser they use."""


def sections() -> dict[str, type]:
    """Return the settings table of each channel, by its path."""
    return {f"channels.{name}": channel.account for name, channel in CHANNELS.items()}
