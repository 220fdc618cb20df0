"""One message -> its decision. Pure.

It takes a message, its conversation's state and a policy. It gives department, priority and
reasons, and the next state.
Read decide.py first, then policy.py.
"""
