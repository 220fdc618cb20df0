"""Many messages -> incidents: many customers, one cause, now. Pure but for open_incidents.py.

It takes observations of decided messages. It gives incidents that open, grow, merge and close.
Read tracker.py first, then bursts.py and signs.py.
"""
