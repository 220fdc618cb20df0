"""Bytes and misread texts -> the letters that a person typed.

It takes bytes of any charset, or text that a wrong charset or a decomposed form has broken. It
gives composed text, with Turkish letters in order.
Read charset.py first, then repair.py.
"""
