"""Actions, which send our replies: one file for each outside system.

An action gets a reply and the settings of its account.
It sends one request to that system, or raises an error that tells the sender what to do.
Read protocol.py first, then registry.py, then any reply_<channel>.py.
"""
