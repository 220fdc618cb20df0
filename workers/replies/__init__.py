"""Replies that no agent writes: acknowledgements, texts of incidents, and bounces of replies.

It takes messages, incidents and bounces. It gives replies.v1, and outcomes for bounced replies.
Read acknowledge.py first.
"""
