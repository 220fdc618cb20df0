"""HTTP for servers before strangers, and a client for addresses that strangers name.

It takes an application and its limits, or a URL. It gives a server that refuses slow, large and
frequent callers, or a response from outside our own network.
Read server.py first; guard.py counts callers for the mail door too.
"""
