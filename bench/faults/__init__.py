"""Harms one neighbour or stage of a cluster after another, and reports the pauses of each flow.

harms.py has one function for each fault, and __main__.py prints one row for each. The rows go to
docs/acceptance/neighbours.md.
"""
