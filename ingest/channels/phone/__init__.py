"""Telephone calls: transcripts of any known format, posted, or from a folder or a bucket.

It takes the bytes of a transcript, or a recogniser's callback that names one. It gives a Message
with the turns of the call.
Read channel.py first, then parser.py; folder.py watches a folder.
"""

from ingest.channels.phone.channel import Phone

__all__ = ["Phone"]
