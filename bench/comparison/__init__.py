"""Runs programs by turns on one warm broker and compares what they need for the same messages.

In come programs, such as a router of another commit or a loop of another framework. Out come the
messages a second and the CPU time a message of each in every round, and medians of the ratios
within a round. Read programs.py first.
"""
