"""A raw mail as decoded headers, texts and files.

It takes the bytes of a mail, however broken. It gives a Mail with its headers, text, files and
the codes of what was repaired. Only an empty mail makes it raise.
Read parser.py first.
"""
