"""Mastodon: posts that mention an account, from its server's notifications and stream.

It takes notifications by REST and frames of the stream. It gives a Message for each mention, its
edit and its deletion.
Read channel.py first, then source.py; wire.py has the Mastodon API's own objects.
"""

from ingest.channels.mastodon.channel import Mastodon

__all__ = ["Mastodon"]
