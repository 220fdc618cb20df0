"""One file for each outside system that gets our answers; no other file imports its client.

It takes a reply and the settings of its account. It gives one request to that system, or an
error that tells the sender what to do.
Read protocol.py first, then registry.py.
"""
