"""Doors, sources, vendors' calls and failing parsers for the tests of ingest.

It takes a payload of a test. It gives the signed call, the polled answers or the running door.
Read ingesting.py first.
"""
