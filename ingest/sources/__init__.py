"""The helpers of channels that fetch their deliveries: polling, buckets, tokens, saved state.

It takes a vendor's listing, bucket or token server. It gives each item once, over restarts.
Read polling.py first.
"""
