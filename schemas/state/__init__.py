"""The Structs of compacted topics: the memory that processes keep in Kafka.

It takes what one process knows of a conversation, a cursor, a reply or a customer. It gives
records that any process restores that memory from, with their pure transitions.
Read conversation.py first.
"""
