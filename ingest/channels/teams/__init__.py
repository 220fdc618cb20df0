"""Microsoft Teams: messages to a bot, by the Bot Framework's protocol.

It takes a webhook's body with a token of Microsoft's. It gives a Message for each activity of a
person, and fetches files, and pictures with the bot's own token.
Read channel.py first; wire.py has the Bot Framework's own objects.
"""

from ingest.channels.teams.channel import Teams

__all__ = ["Teams"]
