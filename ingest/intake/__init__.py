"""One delivery on its way to Kafka.

It takes a delivery of a door or of a source. It gives a Message in messages.v1 or a dead letter,
and keeps the bytes in the archive. The spool has the deliveries that have to wait.
Read accept.py first, then spool.py and drain.py.
"""
