"""A text -> the rules that match it, its entities and its terms. Pure.

It takes a text and a pack of rules. It gives hits, entities and terms, each with its span.
Read rules.py first, then pack_compiler.py.
"""
