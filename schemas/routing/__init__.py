"""The default departments, and the nearest change of a decision. Pure.

It takes a decision. It gives the nearest change of its evidence or threshold.
Read departments.py first.
"""
