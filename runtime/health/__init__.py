"""The health of a process, by the outcomes of its own work.

It takes successes, failures and positions that loops report. It gives ready or unready with a
reason, a judgement on each neighbour, and one line for the end of a process.
Read checks.py first, then neighbour.py.
"""
