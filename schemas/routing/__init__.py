"""The departments that an installation starts with, and what would have changed a decision. Pure.

It takes a decision. It gives the nearest change of its evidence or threshold.
Read departments.py first.
"""
