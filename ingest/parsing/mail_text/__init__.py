"""A mail's text -> the words that its author wrote.

It takes the text of a mail. It gives the text without quotes and signatures, and the lines at
which a mail program begins a quote.
Read reply.py first, then quote_heads.py.
"""
