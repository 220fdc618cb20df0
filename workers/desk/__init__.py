"""The desk: people claim, answer, move and close the items of their department.

It takes commands of agents. It gives outcomes.v1 and replies.v1; the lines of items in Redis.
Read desk.py first, then queue.py.
"""
