"""queue.<department>.v1 -> outcomes.v1: the desk, the replies, the records and the pages.

It takes the items of the departments and the commands of people. It gives outcomes, answers to
customers, and the store.
Read desk/commands.py first, then sender/reply_sender.py.
"""
