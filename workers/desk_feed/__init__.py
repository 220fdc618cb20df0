"""The feed keeps the desk's lines in Redis in step with Kafka.

It takes the queues, outcomes.v1 and waiting.v1. It gives lines in Redis, also after Redis was
emptied, and waiting.v1, from which they are built again.
Read feed.py first, then rebuild.py.
"""
