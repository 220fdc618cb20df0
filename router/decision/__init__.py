"""One message, or one outcome of people, and its conversation's state -> the next state. Pure.

It takes a message, its conversation's state and a policy. It gives the decision with department,
priority and reasons, the work item, and the next state.
Read decide.py first, then the steps that it calls in this order.
"""
