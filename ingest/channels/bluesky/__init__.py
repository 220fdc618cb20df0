"""Bluesky: posts that mention, answer or quote an account or contain a keyword, from Jetstream.

It takes the events of all posts of the network. It gives a Message for each post that concerns the
account.
Read channel.py first, then source.py; wire.py has Jetstream's own objects.
"""

from ingest.channels.bluesky.channel import Bluesky

__all__ = ["Bluesky"]
