"""Recorded traffic, decided again by the live policy and by a candidate.

It takes recorded messages with their outcomes. It gives the differences, and who was right.
Read report.py first, then replay.py.
"""
