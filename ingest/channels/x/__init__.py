"""X: posts that mention, answer or quote an account, by webhook or by the filtered stream.

It takes a webhook's body or a line of the stream. It gives a Message for each post, its edit and
its deletion.
Read channel.py first; wire.py has the X API's own objects.
"""

from ingest.channels.x.channel import X

__all__ = ["X"]
