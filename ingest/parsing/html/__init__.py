"""The text of HTML as a reader sees it.

It takes HTML as programs and strangers write it. It gives plain text, at a cost that grows only
with its length.
Read text.py first.
"""
