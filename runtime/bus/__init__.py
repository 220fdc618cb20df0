"""Kafka: publishers, readers and members of consumer groups.

It takes Structs and settings. It gives records in Kafka, records from Kafka, and their
positions.
Read publisher.py first, then readers.py and following.py.
"""
