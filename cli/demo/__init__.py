"""`santral demo` invents traffic, so that a new user can look at something.

It takes a running profile. It sends messages through the real doors (traffic.py), and writes the
figures of the two weeks before them, so that an outage is an incident (baseline.py). Every name and
number is invented. Read command.py first.
"""
