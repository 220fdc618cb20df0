"""Tests: behaviour, from outside where it can be, on real parts.

The folders mirror the code. contract/ has the suites over every plug-in, journey/ drives real
processes, chaos/ harms them, project/ checks the documents, support/ is what tests share.
"""
