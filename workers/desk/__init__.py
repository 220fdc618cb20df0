"""The desk: people claim, answer, move and close the items of their department.

It takes commands of agents. It gives outcomes.v1 and replies.v1, and changes the items in
desk_queue.
Read commands.py first, then closing.py.
"""
