"""Shared by tests: samples, real servers, and waits with a deadline.

It takes a test's wish. It gives a running server, or an invented message.
Read servers/broker.py first.
"""
