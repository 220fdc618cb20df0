"""`santral demo`: invented traffic, so that a new user has something to look at.

In: a running profile. Out: messages through its real doors (traffic.py), and the two weeks of
figures before them, against which an outage is an incident (baseline.py). Every name and number
is invented. Read command.py first.
"""
