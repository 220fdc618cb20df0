"""The letters that a person typed, from bytes and from misread texts.

It takes bytes of any charset, or text that a wrong charset or a decomposed form has broken. It
gives composed text with its Turkish letters.
Read charset.py first, then repair.py.
"""
