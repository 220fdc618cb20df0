"""The departments with their service levels, and the nearest change of a decision. Pure.

It gives the Struct of a department, the departments of an installation that names none, and the due
times of an item. It takes a decision, and gives the nearest change of its evidence or threshold.
Read departments.py first.
"""
