"""Rules, models, decisions, incidents and traffic for the tests of the router.

It takes a text or a number of messages from a test. It gives the policy, the decision, the trained
model or the records of an outage. Read decisions.py first.
"""
