"""Slack: messages of the channels that our app is a member of, by the Events API.

It takes a webhook's body. It gives a Message for each event about a person's message, and fetches
files with the bot token.
Read channel.py first; wire.py has the Events API's own objects.
"""

from ingest.channels.slack.channel import Slack

__all__ = ["Slack"]
