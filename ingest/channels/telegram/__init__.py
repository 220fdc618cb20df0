"""Telegram: messages to a bot, or to a business account that a bot serves, by the Bot API.

It takes updates, by webhook or by long polling. It gives a Message each, or the reason why an
update is not one.
Read channel.py first; wire.py has the Bot API's own objects.
"""

from ingest.channels.telegram.channel import Telegram

__all__ = ["Telegram"]
