"""Readers of documents, published schemas and tests for the checks of the project itself.

It takes files of the repository. It gives the examples in them, the changes that break readers, and
the tests that need a server. Read tiers.py first.
"""
