"""LINE: messages to an official account, by its webhook.

It takes a webhook's body. It gives a Message for each message, tap and withdrawal, and fetches
files with the channel access token.
Read channel.py first; wire.py has the Messaging API's own objects.
"""

from ingest.channels.line.channel import Line

__all__ = ["Line"]
