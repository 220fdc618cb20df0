"""Plays months of invented traffic with incidents, and measures how well the watch finds them.

texts.py writes the messages, and __main__.py plays them and prints the figures. Read __main__.py
first.
"""
