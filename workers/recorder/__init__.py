"""The recorder: Kafka's records -> the store, each once.

It takes the records of all recorded topics. It gives rows, and the offsets in the same
transaction.
Read recorder.py first, then rows.py.
"""
