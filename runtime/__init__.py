"""The plumbing: the only code that opens sockets to Kafka, Redis and the store.

It takes settings, and the records and calls of a stage. It gives the same on the wire or on
disk, with logs, metrics and health. No stage and no command is imported here.
Read stage/frame.py first, which starts every stage.
"""
