"""The recorder writes Kafka's records into the store, each once.

It reads the records of all recorded topics.
It writes their rows and the next offsets in one transaction.
Read loop.py first, then rows.py and sql.py.
"""
