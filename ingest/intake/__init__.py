"""One delivery on its way to Kafka.

It takes a delivery of a door or of a source. It gives a Message in messages.v1, or a dead
letter; the bytes in the archive; a spool on disk while Kafka is away.
Read accept.py first.
"""
