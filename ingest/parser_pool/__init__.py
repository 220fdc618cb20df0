"""Processes that parse outside input within limits of time and memory.

It takes a delivery and its channel. It gives the parsed message, or Rejected when the parser
fails, hangs or takes too much memory.
Read pool.py first.
"""
