"""Plays months of invented traffic with incidents, and measures how well the watch finds them.

texts.py has the texts, traffic.py writes the messages, watching.py lets the watch read them, and
scores.py compares the result with the causes. Read __main__.py first.
"""
