"""The outside world -> messages.v1.

It takes calls, mails, frames, files and the answers of vendors. It gives one Message for each
delivery, published after its bytes are archived; a dead letter for each refused one.
Read intake/accept.py first: every delivery takes that way.
"""
