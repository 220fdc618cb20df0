"""Pure functions on texts that several stages share: folding and personal numbers.

It takes a customer's text, or a record with such texts. It gives the text folded for matching,
the personal numbers in it with their places, or the text with those numbers masked.
Read fold.py first, then masking.py.
"""
