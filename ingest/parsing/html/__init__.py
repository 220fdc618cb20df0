"""HTML -> the text that a reader sees.

It takes HTML as programs and strangers write it. It gives plain text, at a cost that grows with
its length only.
Read text.py first.
"""
