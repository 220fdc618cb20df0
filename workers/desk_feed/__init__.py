"""The feed keeps the desk's queue in Redis in step with Kafka.

It takes the queues, outcomes.v1 and waiting.v1. It gives the messages in desk_queue, also after
Redis was emptied, and waiting.v1, from which desk_queue is filled again.
Read feed.py first, then rebuild.py.
"""
