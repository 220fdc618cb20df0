"""The words that the author of a mail wrote, without quotes and signatures.

It takes the text of a mail. It gives the author's own words, and the lines at which a mail program
begins a quote.
Read reply.py first, then quote_heads.py.
"""
