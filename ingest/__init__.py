"""The outside world -> messages.v1.

It takes calls, mails, frames, files and the answers of vendors. It gives one Message for each
delivery, published after its bytes are archived; a dead letter for each refused one.
Read intake/accept.py first: a delivery of a door, a source, an import or the spool reaches Kafka by
one of its three methods `publish_or_spool`, `publish_or_bury` and `publish_or_refuse`.
"""
