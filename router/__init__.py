"""messages.v1 and outcomes.v1 -> queues, decisions and the router's own memory.

It takes messages and outcomes. It gives one item in a department's queue for each message, with
its reasons, and the state of its conversation, in one Kafka transaction.
Read loop.py first, then decision/decide.py.
"""
