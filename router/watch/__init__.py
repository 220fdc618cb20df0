"""`santral watch`: the process that counts decisions and follows incidents.

It takes decisions.v1, the queues and incidents.v1. It gives pulses.v1, incidents.v1 and live
rates.
Read run.py first, then state.py.
"""
