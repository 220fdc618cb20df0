"""Lent to channels that fetch their deliveries: polling, buckets, tokens, memory.

It takes a vendor's listing, bucket or token server. It gives each item once, over restarts.
Read polling.py first.
"""
