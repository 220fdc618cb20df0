"""The sender: each reply of replies.v1 reaches its customer once.

It takes replies.v1 and deliveries.v1. It gives one call of the channel's action for each reply,
each step in deliveries.v1, and an outcome.
Read reply_sender.py first, then tries.py.
"""
