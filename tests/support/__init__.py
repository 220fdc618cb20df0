"""Shared by tests: samples, real servers, and waits with a deadline.

A test takes a running server or an invented message from here.
Read servers/broker.py first.
"""
