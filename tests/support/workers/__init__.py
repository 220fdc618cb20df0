"""Replies, mail servers, desks and consoles for the tests of the workers.

It takes the channel or the personal number that a test is about. It gives the reply, its account at
a vendor, or the console whose store has it. Read replies.py first.
"""
