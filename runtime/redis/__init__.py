"""Redis: clients of one or of several servers, and claims on work that happens once.

It takes the addresses of the settings. It gives clients that find the primary, and errors of
one family when no server can be used.
Read client.py first.
"""
