"""The archive keeps the raw bytes of every delivery, in a folder or in a bucket.

It takes bytes of deliveries and of attached files. It gives their sha256 once they are durable,
and the bytes again by that name.
Read protocol.py first; group_commit.py shares one flush among deliveries.
"""
