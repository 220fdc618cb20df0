"""A raw mail -> its headers, texts and files.

It takes the bytes of a mail, however broken. It gives a tree of decoded headers, texts and
files. No bytes but an empty mail make it raise.
Read parser.py first.
"""
